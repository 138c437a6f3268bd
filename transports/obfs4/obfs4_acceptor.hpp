// Bridge end of the obfs4 transport: an obfs4 server as others run them, whose clients then show which user
// they are. Everybody else is shown nothing (PROTOCOL.md, obfs4).
#pragma once

#include <atomic>
#include <memory>

#include "transports/core/transport.hpp"
#include "transports/obfs4/connection.hpp"

namespace surang::obfs4 {

struct AcceptorCounters {
  std::atomic<std::uint64_t> users{0}, strangers{0}, unknown_users{0};
  std::atomic<std::size_t> held{0};  ///< strangers being shown nothing now
};

/// `users`, `replays` and `counters` are shared between workers and must outlive it.
std::unique_ptr<TransportAcceptor> make_acceptor(ServerOptions options, const UserDirectory& users,
                                                 ReplayFilter& replays, AcceptorCounters& counters);

/// What a bridge derives from the secret that only it knows: how long it stays silent, and the seed of its
/// lengths.
ServerOptions options_from(std::span<const std::uint8_t> bridge_secret);

}  // namespace surang::obfs4
