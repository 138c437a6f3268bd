// A way to a bridge through an edge: what is dialled, shown in clear, verified and asked for are four names
// of their own (PROTOCOL.md, fronted, Fronts). edge goes by it, and the bridge writes it into its links.
#pragma once

#include <string>
#include <vector>

#include "transports/registry.hpp"

namespace surang::fronted {

struct Front {
  std::uint16_t port = 443;
  std::string host;                    ///< whom the edge is asked for
  std::string sni;                     ///< what is shown in clear; empty: nothing
  std::string verified;                ///< name or address that the edge's certificate must be good for
  std::vector<std::string> addresses;  ///< names or addresses to dial, in order
  std::string prefix;                  ///< of every path: empty or "/name"
  friend bool operator==(const Front&, const Front&) = default;

  /// As a browser writes it: with the port where that is not the usual one.
  std::string authority() const;
};

/// What the parameters of a link say; what they leave out is filled in. Errc::bad_input with `why` naming the
/// bad one.
Result<Front> read_front(const TransportSpec& spec, std::string& why);

/// The shortest parameters that read as `front`.
TransportSpec to_spec(const Front& front);

}  // namespace surang::fronted
