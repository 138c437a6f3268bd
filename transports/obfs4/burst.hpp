// What one write becomes in obfs4: frames, the padding that hides where they end, and the pieces they leave
// in (PROTOCOL.md, obfs4, Frames). Pure; obfs4_stream sends the pieces and pauses between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "transports/obfs4/frame.hpp"
#include "transports/obfs4/length_distribution.hpp"

namespace surang::obfs4 {

/// How writes leave: whole, with padding at the end; in segments with pauses between them; in pieces of
/// random lengths with pauses between them. The numbers are a bridge line's "iat-mode".
enum class IatMode : std::uint8_t { off = 0, enabled = 1, paranoid = 2 };
/// "0", "1" or "2"; nothing for others.
std::optional<IatMode> iat_mode_named(std::string_view text);

class Burst {
 public:
  /// Memory for the frames of 64 KiB, the heads that HTTP/2 puts into it, and padding.
  static constexpr std::size_t kMemory = 50 * kMaxFrame;

  /// Keeps no copy of `payload`, which is not empty; all must outlive it.
  Burst(FrameEncoder& encoder, const WeightedDistribution& lengths, IatMode iat,
        std::span<const std::uint8_t> payload, std::span<std::uint8_t, kMemory> memory)
      : encoder_(encoder), lengths_(lengths), iat_(iat), payload_(payload), memory_(memory) {}

  /// The next piece, in `memory` until the next call. Empty when all is said. An error is the encoder's.
  Result<std::span<const std::uint8_t>> next();

 private:
  Result<void> refill();
  Result<void> pad(std::size_t target);
  Result<void> append(std::span<const std::uint8_t> payload, std::size_t padding);
  Result<std::size_t> sampled_piece();
  std::size_t held() const noexcept { return end_ - begin_; }
  void compact() noexcept;

  FrameEncoder& encoder_;
  const WeightedDistribution& lengths_;
  const IatMode iat_;
  std::span<const std::uint8_t> payload_;  // not yet in frames
  std::span<std::uint8_t, kMemory> memory_;
  std::size_t begin_ = 0, end_ = 0;  // of what is in frames and has not left
  bool padded_ = false;
};

}  // namespace surang::obfs4
