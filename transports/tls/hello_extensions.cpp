#include "transports/tls/hello_extensions.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace surang::tls {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint8_t random_byte() {
  std::uint8_t b = 0;
  RAND_bytes(&b, 1);
  return b;
}

void add_random(Bytes& to, std::size_t size) {
  const auto at = to.size();
  to.resize(at + size);
  RAND_bytes(to.data() + at, static_cast<int>(size));
}

Bytes draw_ech(const EchGrease& shape) {
  const bool chacha = shape.ciphers > 1 && random_byte() % 2 == 1;
  Bytes out{0, 0, 1, 0, static_cast<std::uint8_t>(chacha ? 3 : 1), random_byte(), 0, 32};
  add_random(out, 32);
  const auto size = shape.smallest + shape.step * (random_byte() % shape.steps);
  out.insert(out.end(), {static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)});
  add_random(out, size);
  return out;
}

std::uint16_t grease_type(unsigned n) {
  return static_cast<std::uint16_t>(0x0a0a + n * 0x1010);
}

// What one connection has drawn: its second hello, after a HelloRetryRequest, must say the same.
struct Drawn {
  explicit Drawn(const HelloExtras& extras)
      : grease(grease_type(random_byte() % 16)), ech(draw_ech(extras.ech)) {}
  std::uint16_t grease;
  Bytes ech;
};

const Drawn& drawn_for(SSL* ssl, const HelloExtras& extras) {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* drawn, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Drawn*>(drawn); });
  auto* drawn = static_cast<Drawn*>(SSL_get_ex_data(ssl, index));
  if (drawn == nullptr) {
    drawn = new Drawn(extras);
    SSL_set_ex_data(ssl, index, drawn);
  }
  return *drawn;
}

Bytes content_of(unsigned type, const Drawn& drawn) {
  switch (type) {
    case kRecordSizeLimit:
      return {0x40, 0x01};
    case kDelegatedCredentials:
      return {0, 8, 4, 3, 5, 3, 6, 3, 2, 3};
    case kAlps:
      return {0, 3, 2, 'h', '2'};
    case kEch:
      return drawn.ech;
    default:
      return {};
  }
}

bool is_grease(unsigned type) {
  return (type & 0x0f0f) == 0x0a0a && type >> 8 == (type & 0xff);
}

int write_extra(SSL* ssl, unsigned type, unsigned, const unsigned char** out, std::size_t* size, X509*,
                std::size_t, int*, void* extras) {
  const auto& drawn = drawn_for(ssl, *static_cast<const HelloExtras*>(extras));
  if (is_grease(type) && type != drawn.grease) return 0;
  const auto content = content_of(type, drawn);
  auto* copy = new std::uint8_t[content.size() + 1];
  std::copy(content.begin(), content.end(), copy);
  *out = copy;
  *size = content.size();
  return 1;
}

void free_extra(SSL*, unsigned, unsigned, const unsigned char* content, void*) {
  delete[] content;
}

// Whatever the cover site answers to them is of no use to us.
int read_extra(SSL*, unsigned, unsigned, const unsigned char*, std::size_t, X509*, std::size_t, int*, void*) {
  return 1;
}

bool add(SSL_CTX* context, unsigned type, const HelloExtras& extras) {
  return SSL_CTX_add_custom_ext(context, type,
                                SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO |
                                    SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS | SSL_EXT_TLS1_3_CERTIFICATE,
                                write_extra, free_extra, const_cast<HelloExtras*>(&extras), read_extra,
                                nullptr) == 1;
}

}  // namespace

bool add_hello_extras(SSL_CTX* context, const HelloExtras& extras) {
  bool good = true;
  // OpenSSL fixes the types of a context; each connection writes the one it drew.
  for (unsigned n = 0; extras.grease && n < 16; ++n) good = good && add(context, grease_type(n), extras);
  for (const auto type : extras.fixed) good = good && (type == 0 || add(context, type, extras));
  return good;
}

}  // namespace surang::tls
