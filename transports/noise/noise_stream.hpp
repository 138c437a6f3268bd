// A Noise session over any Stream, as a Stream (PROTOCOL.md, fronted, Frames). Whoever carries the bytes
// beneath sees neither content nor frames, and cannot make an end of his own: one that was not said is
// Errc::truncated.
#pragma once

#include <chrono>

#include "transports/core/stream.hpp"
#include "transports/noise/handshake.hpp"

namespace surang::noise {

enum class Role { client, server };

struct StreamOptions {
  /// Where nothing was written for so long, and up to a third longer, a frame without content is: edges cut
  /// what is silent. 0: never.
  std::chrono::milliseconds filler_after{0};
};

/// Reading ends in Errc::protocol for good when a frame is not the peer's; nothing is sent from then on.
StreamPtr make_stream(StreamPtr raw, Session session, Role role, StreamOptions options = {});

}  // namespace surang::noise
