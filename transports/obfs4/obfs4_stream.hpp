// obfs4 over any Stream, after the handshake, as a Stream (PROTOCOL.md, obfs4, Frames). Made by connection,
// at both ends. obfs4 says no end of its own: that of the stream beneath is the end.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "transports/core/stream.hpp"
#include "transports/obfs4/burst.hpp"
#include "transports/obfs4/length_distribution.hpp"

namespace surang::obfs4 {

enum class Role { client, server };

struct StreamOptions {
  IatMode iat = IatMode::off;
  /// Server: the bridge's, which the client is told. Drawn where empty. A client's are its own until it hears
  /// of the bridge's.
  std::shared_ptr<const Shaping> shaping;
  /// Server: its hello, which leaves in one write with the frame that tells the seed.
  std::vector<std::uint8_t> hello;
  /// Client: what is said ahead of the first write, and leaves with it.
  std::vector<std::uint8_t> first_words;
};

class Obfs4Stream : public Stream {
 public:
  /// What is beneath, for who will speak no obfs4 on it any more. This one is closed then.
  virtual StreamPtr release() = 0;
};

/// `secret`: the first half protects what the client sends, the second what the server does. `early`: what
/// was read of `raw` behind the peer's hello. A server's hello is sent at once as far as it goes without
/// waiting. Reading ends in Errc::truncated when the peer ends within a frame, and in Errc::protocol for good
/// when a frame is not the peer's; nothing is sent from then on.
std::unique_ptr<Obfs4Stream> make_stream(StreamPtr raw, std::span<const std::uint8_t, 144> secret, Role role,
                                         StreamOptions options, std::vector<std::uint8_t> early = {});

}  // namespace surang::obfs4
