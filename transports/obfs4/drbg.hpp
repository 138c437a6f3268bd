// obfs4's source of numbers that both ends know: SipHash-2-4 in output feedback mode from a seed of 24 bytes
// (PROTOCOL.md, obfs4). Masks the lengths of frames, and shapes traffic (length_distribution).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "transports/obfs4/siphash.hpp"

namespace surang::obfs4 {

/// SipHash key 16 ‖ first block 8.
using Seed = std::array<std::uint8_t, 24>;

class Drbg {
 public:
  explicit Drbg(std::span<const std::uint8_t, 24> seed) noexcept;

  /// The next block of eight bytes as a big-endian number.
  std::uint64_t next() noexcept;
  /// The first two bytes of the next block as a big-endian number.
  std::uint16_t next_mask() noexcept { return static_cast<std::uint16_t>(next() >> 48); }

 private:
  SipHash hash_;
  std::uint64_t block_;  // the last one, little-endian
};

}  // namespace surang::obfs4
