// Transport name -> factory, for the client's links. Explicit and alphabetical; no static registration.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "transports/core/dialer.hpp"
#include "transports/core/transport.hpp"
#include "transports/tunnel/session.hpp"

namespace surang {

/// One `t=` of a share link: "https:443:sni=www.example.org" (PROTOCOL.md, links).
struct TransportSpec {
  std::string name;  ///< "https"
  std::uint16_t port = 443;
  std::map<std::string, std::string> params;  ///< "sni" -> "www.example.org"; unknown ones are kept
  friend bool operator==(const TransportSpec&, const TransportSpec&) = default;
};

/// For people: the name, and the edge's where it goes by one, as in "fronted/cdn.example.org".
std::string label(const TransportSpec& spec);

/// What a client must know of a bridge to reach it.
struct BridgeIdentity {
  std::vector<std::string> hosts;             ///< names or addresses, tried in order
  std::array<std::uint8_t, 32> public_key{};  ///< X25519, B
  UserKey user;
  friend bool operator==(const BridgeIdentity&, const BridgeIdentity&) = default;
};

/// The names this build can dial, sorted.
std::vector<std::string_view> transport_names();

/// A dialer for one transport of one bridge; `tcp` opens the sockets and must outlive it.
/// Errc::bad_input when the transport is unknown to this build or its parameters do not fit; `why` then says
/// what.
Result<std::unique_ptr<TransportDialer>> make_transport_dialer(const TransportSpec& spec,
                                                               const BridgeIdentity& bridge, Dialer& tcp,
                                                               std::string& why);

/// What makes a tunnel's sessions by one transport of one bridge, as its user; `executor` is theirs, and it
/// and `tcp` must outlive it. Errors as above.
Result<std::unique_ptr<tunnel::SessionDialer>> make_session_dialer(const TransportSpec& spec,
                                                                   const BridgeIdentity& bridge,
                                                                   asio::any_io_executor executor,
                                                                   Dialer& tcp, std::string& why);

/// JA4 of the ClientHello that a connection of this transport begins with, as a watcher sees it; an error
/// where it has none.
Result<std::string> hello_ja4(const TransportSpec& spec, const BridgeIdentity& bridge, std::string& why);

/// Connects to what stands behind a bridge that is none of ours, by the transport alone: no user, no tunnel.
using RawDialer = std::function<asio::awaitable<Result<StreamPtr>>()>;
/// The same of a transport that can be had so; errors as above.
Result<RawDialer> make_raw_dialer(const TransportSpec& spec, const BridgeIdentity& bridge, Dialer& tcp,
                                  std::string& why);

}  // namespace surang
