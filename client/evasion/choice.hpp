// Which evasions have a chance against which failure, and in which order they are tried. Pure. Asked by the
// ladder's facts, by hedge while a race runs, and by what is tried after one.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/detection/signals.hpp"
#include "client/detection/way.hpp"

namespace surang::client {

/// Whether `way` may put right what a direct way met. `more_addresses`: the host has one that has not failed.
bool may_help(Way way, Signal met, bool more_addresses) noexcept;

struct EvasionFacts {
  bool hello = false;            ///< the flight is a ClientHello with a name in it
  bool name = false;             ///< the destination is a name, which may have more addresses than one
  bool cutting = true;           ///< the person's setting
  std::optional<Way> favourite;  ///< what worked last on this network
};
/// The likeliest first.
std::vector<Way> evasions_for(const EvasionFacts& facts);

/// What is left of `all` without `failed`, the other family than that of the first failed one first.
std::vector<boost::asio::ip::address> other_addresses(std::vector<boost::asio::ip::address> all,
                                                      std::span<const boost::asio::ip::address> failed);

/// Which evasion worked, for as long as this process lives.
class EvasionMemory {
 public:
  void worked(const std::string& network, const std::string& host, Way way);
  /// Only the tunnel reached `host`.
  void failed(const std::string& host) { hosts_.erase(host); }
  /// The last one on `network`, for whatever host.
  std::optional<Way> favourite(const std::string& network) const;
  /// The last one for `host` since the network changed.
  std::optional<Way> of(const std::string& host) const;
  /// Another network: what hosts were reached by says nothing there.
  void leave_network() { hosts_.clear(); }

 private:
  std::map<std::string, Way> networks_, hosts_;
};

}  // namespace surang::client
