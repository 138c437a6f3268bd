#include "transports/tunnel/proof.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <span>

namespace surang::tunnel {
namespace {

std::string base64url(std::span<const std::uint8_t> bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < have ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k <= have; ++k) text += digits[group >> (18 - 6 * k) & 63];
  }
  return text;
}

}  // namespace

std::string make_proof(const UserKey& user, const ChannelBinding& binding) {
  static constexpr std::string_view direction = "client";
  std::array<std::uint8_t, 32> key{};
  derive_key(user.secret, "tunnel auth", key);
  std::array<std::uint8_t, 32 + direction.size()> data{};
  std::copy(binding.begin(), binding.end(), data.begin());
  std::copy(direction.begin(), direction.end(), data.begin() + 32);
  const auto mac = hmac_sha256(key, data);
  OPENSSL_cleanse(key.data(), key.size());
  return "Surang " + base64url(mac);
}

bool proof_holds(std::string_view proof, const UserKey& user, const ChannelBinding& binding) {
  const auto expected = make_proof(user, binding);
  return proof.size() == expected.size() &&
         CRYPTO_memcmp(proof.data(), expected.data(), expected.size()) == 0;
}

}  // namespace surang::tunnel
