// SipHash-2-4 (Aumasson, Bernstein 2012) over a message that grows by whole words and is asked for its digest
// between them, which libsodium's crypto_shorthash does not do. For drbg.
#pragma once

#include <cstdint>
#include <span>

namespace surang::obfs4 {

class SipHash {
 public:
  explicit SipHash(std::span<const std::uint8_t, 16> key) noexcept;

  /// The message's next eight bytes, as a little-endian number.
  void append(std::uint64_t word) noexcept;
  /// Of the message up to here, which may go on; the eight bytes as a little-endian number.
  std::uint64_t digest() const noexcept;

 private:
  struct State {
    std::uint64_t v0, v1, v2, v3;
    void round() noexcept;
    void absorb(std::uint64_t word) noexcept;
  };
  State state_;
  std::uint64_t size_ = 0;  // of the message; the digest depends on its last byte
};

}  // namespace surang::obfs4
