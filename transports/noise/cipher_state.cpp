#include "transports/noise/cipher_state.hpp"

#include <boost/endian/conversion.hpp>
#include <stdexcept>

namespace surang::noise {
namespace {

void check(int result) {
  if (result != 1) throw std::runtime_error("ChaCha20-Poly1305 failed");
}

// Looked up once: that takes longer than to seal a short message.
const EVP_CIPHER* chacha20_poly1305() {
  static EVP_CIPHER* const found = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  return found;
}

}  // namespace

CipherState::CipherState(const Key& key) : state_(EVP_CIPHER_CTX_new()) {
  check(EVP_CipherInit_ex2(state_.get(), chacha20_poly1305(), key.data(), nullptr, 1, nullptr));
}

std::array<std::uint8_t, 12> CipherState::nonce() const noexcept {
  std::array<std::uint8_t, 12> out{};
  boost::endian::store_little_u64(out.data() + 4, counter_);
  return out;
}

void CipherState::seal(std::span<const std::uint8_t> data, std::span<const std::uint8_t> plain,
                       std::uint8_t* out) {
  auto* const state = state_.get();
  const auto iv = nonce();
  int n = 0;
  check(EVP_CipherInit_ex2(state, nullptr, nullptr, iv.data(), 1, nullptr));
  if (!data.empty()) check(EVP_CipherUpdate(state, nullptr, &n, data.data(), static_cast<int>(data.size())));
  if (!plain.empty()) check(EVP_CipherUpdate(state, out, &n, plain.data(), static_cast<int>(plain.size())));
  check(EVP_CipherFinal_ex(state, out + plain.size(), &n));
  check(EVP_CIPHER_CTX_ctrl(state, EVP_CTRL_AEAD_GET_TAG, kTag, out + plain.size()));
  ++counter_;
}

bool CipherState::open(std::span<const std::uint8_t> data, std::span<const std::uint8_t> box,
                       std::uint8_t* out) {
  if (box.size() < kTag) return false;
  auto* const state = state_.get();
  const auto iv = nonce();
  const auto size = box.size() - kTag;
  auto* const tag = const_cast<std::uint8_t*>(box.data() + size);  // which is only read
  int n = 0;
  check(EVP_CipherInit_ex2(state, nullptr, nullptr, iv.data(), 0, nullptr));
  check(EVP_CIPHER_CTX_ctrl(state, EVP_CTRL_AEAD_SET_TAG, kTag, tag));
  if (!data.empty()) check(EVP_CipherUpdate(state, nullptr, &n, data.data(), static_cast<int>(data.size())));
  if (size > 0) check(EVP_CipherUpdate(state, out, &n, box.data(), static_cast<int>(size)));
  std::uint8_t nothing = 0;
  if (EVP_CipherFinal_ex(state, &nothing, &n) != 1) return false;
  ++counter_;
  return true;
}

}  // namespace surang::noise
