// One obfs4 connection from its first byte to a Stream: handshake, first frames, manners towards whoever
// fails. obfs4_dialer, obfs4_acceptor and the pluggable transport stand on it (PROTOCOL.md, obfs4).
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "transports/core/stream.hpp"
#include "transports/obfs4/handshake.hpp"
#include "transports/obfs4/obfs4_stream.hpp"
#include "transports/obfs4/silence.hpp"

namespace surang::obfs4 {

struct Connection {
  std::unique_ptr<Obfs4Stream> stream;
  /// The same at both ends, of no other connection: HKDF of the session's secret ("obfs4 binding").
  std::array<std::uint8_t, 32> binding{};
};

/// The client's end over `raw`, for `user` of a bridge of ours, who is made known with the first write.
/// `handshake` was made before connecting, so that its work does not show in time. Errc::proof_refused:
/// whoever answers is not the bridge; Errc::timed_out: nobody answers within 30 s; else the stream's own
/// error.
asio::awaitable<Result<Connection>> connect_over(StreamPtr raw, std::unique_ptr<ClientHandshake> handshake,
                                                 IatMode iat, std::optional<UserKey> user = {});

struct ServerOptions {
  ServerIdentity identity;
  IatMode iat = IatMode::off;
  std::shared_ptr<const Shaping> shaping;  ///< the bridge's own for good; clients are told, and shape alike
  std::chrono::steady_clock::duration introduction{std::chrono::seconds(30)};  ///< for the client's hello
  Silence silence;
};

/// The bridge's end. An error: not a client, and nothing is left to do with it: it was shown nothing until
/// its time. `left_alone` is called, once, when that begins. `replays` must outlive it.
asio::awaitable<Result<Connection>> accept_over(StreamPtr raw, ServerOptions options, ReplayFilter& replays,
                                                std::chrono::steady_clock::time_point accepted,
                                                std::function<void()> left_alone);

}  // namespace surang::obfs4
