// obfs4's frames, pure: a masked length, then a box of XSalsa20-Poly1305 that holds a packet (PROTOCOL.md,
// obfs4, Frames). obfs4_stream reads and writes with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "transports/core/result.hpp"
#include "transports/obfs4/drbg.hpp"
#include "transports/obfs4/frame_cipher.hpp"

namespace surang::obfs4 {

inline constexpr std::size_t kMaxFrame = 1448;     ///< on the wire
inline constexpr std::size_t kFrameOverhead = 21;  ///< length 2, tag 16, packet type 1, payload length 2
inline constexpr std::size_t kMaxPayload = kMaxFrame - kFrameOverhead;

/// Others are ignored.
enum class PacketType : std::uint8_t { data = 0, seed = 1 };

/// Half a session's secret, for one direction: key 32 ‖ nonce prefix 16 ‖ seed of the length masks 24.
using DirectionSecret = std::span<const std::uint8_t, 72>;

class FrameEncoder {
 public:
  explicit FrameEncoder(DirectionSecret secret, std::uint64_t counter = 1) noexcept;

  /// Writes one frame to the front of `out` and tells its size, kFrameOverhead + payload + padding, which
  /// `out` has room for; payload and padding are together at most kMaxPayload. The payload must not overlap
  /// the frame. Errc::limit when the counter has passed its end.
  Result<std::size_t> encode(PacketType type, std::span<const std::uint8_t> payload, std::size_t padding,
                             std::span<std::uint8_t> out);

 private:
  FrameCipher cipher_;
  Drbg masks_;
  std::uint64_t counter_;
};

struct Packet {
  PacketType type = PacketType::data;
  std::span<const std::uint8_t> payload;
};

class FrameDecoder {
 public:
  enum class Outcome { packet, need_more, failed };

  explicit FrameDecoder(DirectionSecret secret, std::uint64_t counter = 1) noexcept;

  /// Takes the next frame off the front of `input`, or only its length, and keeps nothing of it: with
  /// need_more the rest has to be given again with what follows. The payload is decrypted to the front of
  /// `into` where it fits in there whole, else in place. Failed (a wrong tag or length, the counter past its
  /// end) is for good.
  Outcome next(std::span<std::uint8_t>& input, std::span<std::uint8_t> into, Packet& packet);

  /// A frame's length has been taken and its box has not.
  bool inside_frame() const noexcept { return box_ != 0; }

 private:
  bool take_box(std::span<std::uint8_t> box, std::span<std::uint8_t> into, Packet& packet) const;

  FrameCipher cipher_;
  Drbg masks_;
  std::uint64_t counter_;
  std::size_t box_ = 0;      // size of the box that comes next; 0: a length does
  bool bad_length_ = false;  // box_ is one drawn instead
  bool failed_ = false;
};

}  // namespace surang::obfs4
