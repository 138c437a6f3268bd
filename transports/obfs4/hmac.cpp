#include "transports/obfs4/hmac.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <stdexcept>

namespace surang::obfs4 {
namespace {

constexpr std::size_t kBlock = 64;

void check(int result) {
  if (result != 1) throw std::runtime_error("SHA-256 failed");
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Looked up once: that takes longer than the hash of a short text.
const EVP_MD* sha256() {
  static EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return found;
}

}  // namespace

Hmac::Hmac(std::span<const std::uint8_t> key) : inner_(EVP_MD_CTX_new()), outer_(EVP_MD_CTX_new()) {
  std::array<std::uint8_t, kBlock> block{};
  if (key.size() > kBlock)
    check(EVP_Digest(key.data(), key.size(), block.data(), nullptr, sha256(), nullptr));
  else
    std::ranges::copy(key, block.begin());
  const auto start = [&block](EVP_MD_CTX* state, std::uint8_t pad) {
    for (auto& byte : block) byte ^= pad;
    check(EVP_DigestInit_ex2(state, sha256(), nullptr));
    check(EVP_DigestUpdate(state, block.data(), block.size()));
    for (auto& byte : block) byte ^= pad;
  };
  start(inner_.get(), 0x36);
  start(outer_.get(), 0x5c);
  OPENSSL_cleanse(block.data(), block.size());
}

Hmac::Hmac(std::string_view key) : Hmac(bytes_of(key)) {}

Hmac::Hmac(const Hmac& other) : inner_(EVP_MD_CTX_new()), outer_(EVP_MD_CTX_new()) {
  check(EVP_MD_CTX_copy_ex(inner_.get(), other.inner_.get()));
  check(EVP_MD_CTX_copy_ex(outer_.get(), other.outer_.get()));
}

Hmac& Hmac::add(std::span<const std::uint8_t> data) {
  check(EVP_DigestUpdate(inner_.get(), data.data(), data.size()));
  return *this;
}

Hmac& Hmac::add(std::string_view data) {
  return add(bytes_of(data));
}

std::array<std::uint8_t, 32> Hmac::finish() {
  std::array<std::uint8_t, 32> out{};
  check(EVP_DigestFinal_ex(inner_.get(), out.data(), nullptr));
  check(EVP_DigestUpdate(outer_.get(), out.data(), out.size()));
  check(EVP_DigestFinal_ex(outer_.get(), out.data(), nullptr));
  return out;
}

}  // namespace surang::obfs4
