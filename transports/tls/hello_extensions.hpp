// Extensions of a ClientHello that browsers send and OpenSSL does not write itself. Only hello_profile.cpp
// uses it.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>

namespace surang::tls {

inline constexpr std::uint16_t kScts = 18, kRecordSizeLimit = 28, kDelegatedCredentials = 34, kAlps = 17613,
                               kEch = 65037;

/// What a browser without a key for Encrypted ClientHello puts in its place (RFC 9849 6.2).
struct EchGrease {
  int ciphers = 1;           ///< AES-128-GCM, and with 2 or ChaCha20
  std::size_t smallest = 0;  ///< payload, in bytes
  std::size_t step = 0;
  unsigned steps = 1;
};

struct HelloExtras {
  bool grease;                         ///< an empty one of RFC 8701 in front
  std::array<std::uint16_t, 4> fixed;  ///< types in order; 0 for none
  EchGrease ech;
};

/// Every connection of `context` draws its own. `extras` must outlive it. False when OpenSSL refuses.
bool add_hello_extras(SSL_CTX* context, const HelloExtras& extras);

}  // namespace surang::tls
