// What makes a session of fronted a connection of its user's with the bridge that no edge can read or forge:
// a Noise handshake, then frames (PROTOCOL.md, fronted, Channel). fronted_dialer and fronted_acceptor call
// it.
#pragma once

#include "transports/core/transport.hpp"
#include "transports/fronted/note.hpp"
#include "transports/noise/noise_stream.hpp"

namespace surang::fronted {

/// The user's key pair inside, derived from the secret.
noise::Keypair static_keys(const UserKey& user);

/// Errc::protocol: whoever answers is not the bridge of `bridge_key`; else what `raw` tells.
asio::awaitable<Result<Authenticated>> connect_channel(StreamPtr raw, UserKey user, noise::Key bridge_key,
                                                       SessionName session);

/// `user` is whom the session is named after. Errc::proof_refused: somebody else is there.
asio::awaitable<Result<Authenticated>> accept_channel(StreamPtr raw, UserKey user, noise::Keypair bridge,
                                                      SessionName session);

}  // namespace surang::fronted
