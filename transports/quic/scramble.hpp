// What every datagram of quic looks like on the line: random bytes of no fixed length. A QUIC packet, its pad
// and a mask over all that would show which (PROTOCOL.md, quic). Pure; the sockets of both ends use it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace surang::quic {

/// In front of every packet: how much pad stands behind it.
inline constexpr std::size_t kHead = 1;
inline constexpr std::size_t kMostPad = 255;
/// What is longer gets no pad: it is as long as the path carries.
inline constexpr std::size_t kPadBelow = 1000;
/// A first flight has to be 1200 bytes long (RFC 9000 14.1); with its pad it still fits an IPv6 path.
inline constexpr std::size_t kMostFlight = 1232;

using ScrambleKey = std::array<std::uint8_t, 32>;

/// Of all users of a bridge: derived from what only links tell, its public key.
ScrambleKey scramble_key(std::span<const std::uint8_t, 32> bridge_public_key);

class Scrambler {
 public:
  explicit Scrambler(const ScrambleKey& key);

  /// Makes a datagram in place of the packet at `at[kHead]`, `size` bytes of it, where `room` bytes are to be
  /// had from `at`. Its length, kHead + size + pad.
  std::size_t scramble(std::uint8_t* at, std::size_t size, std::size_t room);

  /// The packet inside `datagram`, in its place; nothing where none can be.
  std::optional<std::span<std::uint8_t>> unscramble(std::span<std::uint8_t> datagram) const;

 private:
  void mask(std::uint8_t* at, std::size_t size, std::size_t from_block, const std::uint8_t* nonce) const;

  const ScrambleKey key_;
  ScrambleKey pads_{};  // what pads are drawn from
  std::uint64_t drawn_ = 0;
};

}  // namespace surang::quic
