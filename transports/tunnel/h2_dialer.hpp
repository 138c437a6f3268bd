// Makes HTTP/2 sessions (RFC 9113) over the connections of a stream transport, for TunnelDialer (PROTOCOL.md,
// tunnel). Made by the registry for every transport that gives one Stream.
#pragma once

#include <memory>

#include "transports/core/transport.hpp"
#include "transports/core/user.hpp"
#include "transports/tunnel/session.hpp"

namespace surang::tunnel {

/// Its sessions prove that they are `user`'s.
std::unique_ptr<SessionDialer> make_h2_dialer(std::unique_ptr<TransportDialer> transport,
                                              const UserKey& user);

}  // namespace surang::tunnel
