// XSalsa20-Poly1305 (NaCl's secretbox) for obfs4's frames: their nonces are a constant prefix of 16 bytes and
// a counter, so the subkey that HSalsa20 makes of key and prefix is computed once. Byte for byte what
// crypto_secretbox makes of head ‖ body ‖ zeros. Called by frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace surang::obfs4 {

class FrameCipher {
 public:
  static constexpr std::size_t kTag = 16, kHead = 3, kMaxPlain = 1430;
  using Head = std::array<std::uint8_t, kHead>;

  /// Salsa20's output for one frame. Its first 32 bytes key the tag, the others hide the plaintext. Made in
  /// whole pieces of what SIMD makes at once: a single block of 64 bytes takes as long as one of those.
  class Keystream {
    friend FrameCipher;
    static constexpr std::size_t kPiece = 512, kTagKey = 32;
    static constexpr std::size_t kMost = (kTagKey + kMaxPlain + kPiece - 1) / kPiece * kPiece;
    alignas(64) std::array<std::uint8_t, kMost> bytes_;
  };

  FrameCipher(std::span<const std::uint8_t, 32> key, std::span<const std::uint8_t, 16> prefix) noexcept;
  ~FrameCipher();
  FrameCipher(const FrameCipher&) = delete;
  FrameCipher& operator=(const FrameCipher&) = delete;

  /// Writes tag ‖ ciphertext of head ‖ body ‖ `padding` zeros, kTag + kHead + body + padding bytes, to `box`.
  /// They must not overlap the body, and the plaintext is at most kMaxPlain.
  void seal(std::uint64_t counter, const Head& head, std::span<const std::uint8_t> body, std::size_t padding,
            std::uint8_t* box) const;

  /// Whether the box, of kTag + kHead to kTag + kMaxPlain bytes, is of the key's owner; then decrypts the
  /// head.
  bool open(std::uint64_t counter, std::span<const std::uint8_t> box, Keystream& stream, Head& head) const;
  /// After open(): the first into.size() bytes of the body. `into` may be where they lie in the box.
  static void decrypt_body(std::span<const std::uint8_t> box, const Keystream& stream,
                           std::span<std::uint8_t> into) noexcept;

 private:
  void generate(std::uint64_t counter, std::size_t plain, Keystream& stream) const noexcept;
  std::array<std::uint8_t, 32> subkey_;
};

}  // namespace surang::obfs4
