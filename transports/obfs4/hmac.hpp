// HMAC-SHA256 (RFC 2104) over bytes that come in parts, with a state that can be copied: one key and one
// beginning serve several ends. For the handshake and ntor.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace surang::obfs4 {

class Hmac {
 public:
  explicit Hmac(std::span<const std::uint8_t> key);
  explicit Hmac(std::string_view key);
  Hmac(const Hmac& other);
  Hmac& operator=(const Hmac&) = delete;

  Hmac& add(std::span<const std::uint8_t> data);
  Hmac& add(std::string_view data);
  /// Once; the state is used up. Throws std::runtime_error only when the crypto library itself fails.
  std::array<std::uint8_t, 32> finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* state) const { EVP_MD_CTX_free(state); }
  };
  using State = std::unique_ptr<EVP_MD_CTX, Free>;

  State inner_, outer_;
};

}  // namespace surang::obfs4
