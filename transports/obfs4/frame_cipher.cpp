#include "transports/obfs4/frame_cipher.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <boost/endian/conversion.hpp>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace surang::obfs4 {
namespace {

// OpenSSL's uses wider vectors than libsodium's.
class Poly1305 {
 public:
  Poly1305() {
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(
        EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_POLY1305, nullptr), EVP_MAC_free);
    if (mac) context_.reset(EVP_MAC_CTX_new(mac.get()));
    if (!context_) throw std::runtime_error("OpenSSL has no Poly1305");
  }
  void tag(const std::uint8_t* key, std::span<const std::uint8_t> message, std::uint8_t* out) {
    std::size_t size = FrameCipher::kTag;
    if (EVP_MAC_init(context_.get(), key, 32, nullptr) != 1 ||
        EVP_MAC_update(context_.get(), message.data(), message.size()) != 1 ||
        EVP_MAC_final(context_.get(), out, &size, FrameCipher::kTag) != 1)
      throw std::runtime_error("OpenSSL: Poly1305 failed");
  }

 private:
  std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context_{nullptr, EVP_MAC_CTX_free};
};

void poly1305(const std::uint8_t* key, std::span<const std::uint8_t> message, std::uint8_t* out) {
  thread_local Poly1305 poly;
  poly.tag(key, message, out);
}

// By words, which compilers do not make of a loop over bytes that may overlap.
void exclusive_or(const std::uint8_t* a, const std::uint8_t* b, std::size_t size,
                  std::uint8_t* out) noexcept {
  struct Words {
    std::uint64_t low, high;
  };
  std::size_t at = 0;
  for (; at + sizeof(Words) <= size; at += sizeof(Words)) {
    Words x, y;
    std::memcpy(&x, a + at, sizeof x);
    std::memcpy(&y, b + at, sizeof y);
    x = {x.low ^ y.low, x.high ^ y.high};
    std::memcpy(out + at, &x, sizeof x);
  }
  for (; at < size; ++at) out[at] = a[at] ^ b[at];
}

}  // namespace

FrameCipher::FrameCipher(std::span<const std::uint8_t, 32> key,
                         std::span<const std::uint8_t, 16> prefix) noexcept {
  // Before that libsodium computes without SIMD.
  [[maybe_unused]] static const int looked_at_processor = sodium_init();
  crypto_core_hsalsa20(subkey_.data(), prefix.data(), key.data(), nullptr);
}

FrameCipher::~FrameCipher() {
  sodium_memzero(subkey_.data(), subkey_.size());
}

void FrameCipher::generate(std::uint64_t counter, std::size_t plain, Keystream& stream) const noexcept {
  std::array<std::uint8_t, 8> nonce;
  boost::endian::store_big_u64(nonce.data(), counter);
  const auto wanted = Keystream::kTagKey + plain;
  crypto_stream_salsa20(stream.bytes_.data(), (wanted + Keystream::kPiece - 1) & ~(Keystream::kPiece - 1),
                        nonce.data(), subkey_.data());
}

void FrameCipher::seal(std::uint64_t counter, const Head& head, std::span<const std::uint8_t> body,
                       std::size_t padding, std::uint8_t* box) const {
  Keystream stream;
  const auto plain = kHead + body.size() + padding;
  generate(counter, plain, stream);
  const auto* key = stream.bytes_.data() + Keystream::kTagKey;
  auto* out = box + kTag;
  for (std::size_t i = 0; i < kHead; ++i) out[i] = head[i] ^ key[i];
  exclusive_or(body.data(), key + kHead, body.size(), out + kHead);
  if (padding > 0) std::memcpy(out + kHead + body.size(), key + kHead + body.size(), padding);
  poly1305(stream.bytes_.data(), {out, plain}, box);
}

bool FrameCipher::open(std::uint64_t counter, std::span<const std::uint8_t> box, Keystream& stream,
                       Head& head) const {
  const auto text = box.subspan(kTag);
  generate(counter, text.size(), stream);
  std::array<std::uint8_t, kTag> tag;
  poly1305(stream.bytes_.data(), text, tag.data());
  if (sodium_memcmp(tag.data(), box.data(), kTag) != 0) return false;
  for (std::size_t i = 0; i < kHead; ++i) head[i] = text[i] ^ stream.bytes_[Keystream::kTagKey + i];
  return true;
}

void FrameCipher::decrypt_body(std::span<const std::uint8_t> box, const Keystream& stream,
                               std::span<std::uint8_t> into) noexcept {
  exclusive_or(box.data() + kTag + kHead, stream.bytes_.data() + Keystream::kTagKey + kHead, into.size(),
               into.data());
}

}  // namespace surang::obfs4
