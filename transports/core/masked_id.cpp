#include "transports/core/masked_id.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace surang {
namespace {

MaskedId block(const MaskedId& in, const std::array<std::uint8_t, 32>& bridge_key, std::string_view purpose,
               bool encrypt) {
  std::array<std::uint8_t, 16> key{};
  derive_key(bridge_key, purpose, key);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> aes(EVP_CIPHER_CTX_new(),
                                                                            EVP_CIPHER_CTX_free);
  MaskedId out{};
  int n = 0;
  if (!aes || EVP_CipherInit_ex(aes.get(), EVP_aes_128_ecb(), nullptr, key.data(), nullptr, encrypt) != 1 ||
      EVP_CIPHER_CTX_set_padding(aes.get(), 0) != 1 ||
      EVP_CipherUpdate(aes.get(), out.data(), &n, in.data(), static_cast<int>(in.size())) != 1)
    throw std::runtime_error("AES-128 failed");
  return out;
}

}  // namespace

MaskedId mask_id(const UserId& id, const std::array<std::uint8_t, 8>& salt,
                 const std::array<std::uint8_t, 32>& bridge_key, std::string_view purpose) {
  MaskedId plain{};
  std::ranges::copy(salt, std::ranges::copy(id.bytes, plain.begin()).out);
  return block(plain, bridge_key, purpose, true);
}

UserId unmask_id(const MaskedId& masked, const std::array<std::uint8_t, 32>& bridge_key,
                 std::string_view purpose) {
  const auto plain = block(masked, bridge_key, purpose, false);
  UserId id;
  std::copy_n(plain.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

}  // namespace surang
