#include "tests/support/quic_initial.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/support/hex.hpp"
#include "transports/core/varint.hpp"

namespace surang::test {
namespace {

void must(bool done) {
  if (!done) throw std::runtime_error(ERR_error_string(ERR_get_error(), nullptr));
}

// HKDF (RFC 5869) by OpenSSL's own, one of its halves.
Bytes hkdf(int mode, Bytes key, Bytes salt, Bytes info, std::size_t size) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr),
                                                              EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()),
                                                                          EVP_KDF_CTX_free);
  char digest[] = "SHA256";
  std::vector<OSSL_PARAM> params{OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                                 OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0)};
  for (const auto& [name, bytes] :
       {std::pair{OSSL_KDF_PARAM_KEY, &key}, std::pair{OSSL_KDF_PARAM_SALT, &salt},
        std::pair{OSSL_KDF_PARAM_INFO, &info}})
    if (!bytes->empty())
      params.push_back(OSSL_PARAM_construct_octet_string(name, bytes->data(), bytes->size()));
  params.push_back(OSSL_PARAM_construct_end());
  Bytes out(size);
  must(EVP_KDF_derive(context.get(), out.data(), out.size(), params.data()) > 0);
  return out;
}

Bytes expand_label(const Bytes& secret, std::string_view label, std::size_t size) {
  const auto whole = "tls13 " + std::string(label);
  Bytes info{0, static_cast<std::uint8_t>(size), static_cast<std::uint8_t>(whole.size())};
  info.insert(info.end(), whole.begin(), whole.end());
  info.push_back(0);
  return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, secret, {}, info, size);
}

Bytes encrypt(const EVP_CIPHER* cipher, const Bytes& key, const Bytes& nonce, const Bytes& header,
              const Bytes& plain, bool with_tag) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                EVP_CIPHER_CTX_free);
  Bytes out(plain.size() + 32);
  int size = 0, more = 0;
  must(EVP_EncryptInit_ex(context.get(), cipher, nullptr, key.data(), with_tag ? nonce.data() : nullptr) > 0);
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  if (with_tag)
    must(EVP_EncryptUpdate(context.get(), nullptr, &size, header.data(), static_cast<int>(header.size())) >
         0);
  must(EVP_EncryptUpdate(context.get(), out.data(), &size, plain.data(), static_cast<int>(plain.size())) > 0);
  must(EVP_EncryptFinal_ex(context.get(), out.data() + size, &more) > 0);
  out.resize(static_cast<std::size_t>(size + more));
  if (!with_tag) return out;
  Bytes tag(16);
  must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, tag.data()) > 0);
  out.insert(out.end(), tag.begin(), tag.end());
  return out;
}

void append(Bytes& to, const Bytes& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

}  // namespace

Bytes quic_hello(std::string_view name) {
  auto hello = bytes_from_hex(
      "010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c0"
      "00000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e00"
      "0500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d7"
      "48002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffff"
      "ffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff");
  constexpr std::string_view kName = "example.com";
  if (name.size() != kName.size()) throw std::invalid_argument("a name of 11 bytes");
  const auto at = std::ranges::search(hello, kName).begin();
  std::ranges::copy(name, at);
  return hello;
}

Bytes crypto_frame(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
  Bytes out{6};
  append_varint(out, offset);
  append_varint(out, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
  return out;
}

Bytes seal_initial(const InitialParts& parts, Bytes frames, std::size_t size) {
  const bool second = parts.version != 1;
  const std::string prefix = second ? "quicv2 " : "quic ";
  frames.resize(std::max(frames.size(), size));
  Bytes header{static_cast<std::uint8_t>((second ? 0xd0 : 0xc0) | (parts.number_size - 1))};
  for (int shift = 24; shift >= 0; shift -= 8)
    header.push_back(static_cast<std::uint8_t>(parts.version >> shift));
  header.push_back(static_cast<std::uint8_t>(parts.id.size()));
  append(header, parts.id);
  header.push_back(static_cast<std::uint8_t>(parts.own_id.size()));
  append(header, parts.own_id);
  append_varint(header, parts.token.size());
  append(header, parts.token);
  append_varint(header, parts.number_size + frames.size() + 16);
  const auto number_at = header.size();
  for (auto i = parts.number_size; i-- > 0;)
    header.push_back(static_cast<std::uint8_t>(parts.number >> (8 * i)));

  const auto salt = bytes_from_hex(second ? "0dede3def700a6db819381be6e269dcbf9bd2ed9"
                                          : "38762cf7f55934b34d179ae6a4c80cadccbb7f0a");
  const auto initial = hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, parts.id, salt, {}, 32);
  const auto secret = expand_label(initial, "client in", 32);
  auto nonce = expand_label(secret, prefix + "iv", 12);
  for (std::size_t i = 0; i < 4; ++i)
    nonce[8 + i] ^= static_cast<std::uint8_t>(parts.number >> (8 * (3 - i)));
  const auto sealed =
      encrypt(EVP_aes_128_gcm(), expand_label(secret, prefix + "key", 16), nonce, header, frames, true);
  auto packet = header;
  append(packet, sealed);
  const auto sample = packet.begin() + static_cast<std::ptrdiff_t>(number_at + 4);
  const auto mask = encrypt(EVP_aes_128_ecb(), expand_label(secret, prefix + "hp", 16), {}, {},
                            Bytes(sample, sample + 16), false);
  packet[0] ^= mask[0] & 0x0f;
  for (std::size_t i = 0; i < parts.number_size; ++i) packet[number_at + i] ^= mask[1 + i];
  return packet;
}

Bytes quic_beginning(std::string_view name) {
  return seal_initial({}, crypto_frame(0, quic_hello(name)));
}

}  // namespace surang::test
