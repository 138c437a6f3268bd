// ChaCha20-Poly1305 (RFC 8439) with a counter for a nonce: Noise's CipherState (Noise Protocol Framework,
// revision 34, sections 5.1 and 12.3). For the handshake and noise_stream.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace surang::noise {

using Key = std::array<std::uint8_t, 32>;

class CipherState {
 public:
  static constexpr std::size_t kTag = 16;

  /// The counter begins at 0. Throws std::runtime_error only when the crypto library itself fails, as do
  /// seal() and open().
  explicit CipherState(const Key& key);

  /// Writes ciphertext ‖ tag, plain.size() + kTag bytes, to `out`, which may begin where `plain` does but not
  /// overlap it otherwise.
  void seal(std::span<const std::uint8_t> data, std::span<const std::uint8_t> plain, std::uint8_t* out);

  /// Whether `box` (ciphertext ‖ tag) was sealed with this key, counter and `data`; then writes the
  /// plaintext, box.size() - kTag bytes, to `out`, which may begin where `box` does. The counter moves on
  /// only then.
  bool open(std::span<const std::uint8_t> data, std::span<const std::uint8_t> box, std::uint8_t* out);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* state) const { EVP_CIPHER_CTX_free(state); }
  };

  std::array<std::uint8_t, 12> nonce() const noexcept;

  std::unique_ptr<EVP_CIPHER_CTX, Free> state_;
  std::uint64_t counter_ = 0;
};

}  // namespace surang::noise
