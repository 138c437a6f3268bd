// The client's end of quic: a session to a bridge by one UDP socket, which goes on when the computer's
// address changes (PROTOCOL.md, quic). registry makes it.
#pragma once

#include "transports/core/resolver.hpp"
#include "transports/registry.hpp"
#include "transports/tunnel/session.hpp"

namespace surang::quic {

/// For `spec.name` "quic", which has no parameters. `resolver` is asked for the bridge's names.
Result<std::unique_ptr<tunnel::SessionDialer>> make_dialer(const TransportSpec& spec,
                                                           const BridgeIdentity& bridge,
                                                           asio::any_io_executor executor,
                                                           std::shared_ptr<Resolver> resolver,
                                                           std::string& why);

}  // namespace surang::quic
