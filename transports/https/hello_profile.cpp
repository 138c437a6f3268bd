#include "transports/https/hello_profile.hpp"

#include <openssl/rand.h>
#include <openssl/x509.h>

#include <array>
#include <stdexcept>
#include <vector>

namespace surang::https {
namespace {

struct Profile {
  const char* suites;   // TLS 1.3
  const char* ciphers;  // TLS 1.2, never used but offered
  const char* groups;
  const char* signatures;
  std::array<unsigned, 3> extras;  // extensions OpenSSL does not know; 0 for none
};

constexpr unsigned kScts = 18, kRecordSizeLimit = 28, kDelegatedCredentials = 34, kAlps = 17513, kEch = 65037;

constexpr std::array<Profile, 3> kProfiles{{
    // Chromium
    {"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
     "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
     "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
     "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA",
     "X25519:P-256:P-384",
     "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:RSA+SHA256:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha384:"
     "RSA+SHA384:rsa_pss_rsae_sha512:RSA+SHA512",
     {kScts, kAlps, kEch}},
    // Firefox
    {"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
     "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
     "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
     "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:"
     "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA",
     "X25519:P-256:P-384:P-521",
     "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:rsa_pss_rsae_sha256:"
     "rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA1:RSA+SHA1",
     {kRecordSizeLimit, kDelegatedCredentials, kEch}},
    // Safari
    {"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
     "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
     "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"
     "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:"
     "AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA:AES128-SHA",
     "X25519:P-256:P-384:P-521",
     "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:RSA+SHA256:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha384:"
     "RSA+SHA384:rsa_pss_rsae_sha512:RSA+SHA512:RSA+SHA1",
     {kScts, 0, 0}},
}};

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

// What a browser without a key for Encrypted ClientHello puts in its place (GREASE): random, of varying size.
Bytes ech_grease() {
  Bytes out{0, 0, 1, 0, 1, random_byte(), 0, 32};
  add_random(out, 32);
  const auto size = static_cast<std::uint8_t>(144 + 32 * (random_byte() % 4));
  out.insert(out.end(), {0, size});
  add_random(out, size);
  return out;
}

Bytes extra_content(unsigned type) {
  switch (type) {
    case kRecordSizeLimit:
      return {0x40, 0x01};
    case kDelegatedCredentials:
      return {0, 8, 4, 3, 5, 3, 6, 3, 2, 3};
    case kAlps:
      return {0, 3, 2, 'h', '2'};
    case kEch:
      return ech_grease();
    default:
      return {};
  }
}

int write_extra(SSL*, unsigned type, unsigned, const unsigned char** out, std::size_t* size, X509*,
                std::size_t, int*, void*) {
  const auto content = extra_content(type);
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

bool add_extra(SSL_CTX* context, unsigned type) {
  return SSL_CTX_add_custom_ext(context, type,
                                SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO |
                                    SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS | SSL_EXT_TLS1_3_CERTIFICATE,
                                write_extra, free_extra, nullptr, read_extra, nullptr) == 1;
}

// The roots are read from disk only if a server ever shows a certificate.
int verify_with_system_roots(X509_STORE_CTX* certificate, void*) {
  static X509_STORE* const roots = [] {
    auto* store = X509_STORE_new();
    X509_STORE_set_default_paths(store);
    return store;
  }();
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> own(X509_STORE_CTX_new(),
                                                                            X509_STORE_CTX_free);
  if (!own || X509_STORE_CTX_init(own.get(), roots, X509_STORE_CTX_get0_cert(certificate),
                                  X509_STORE_CTX_get0_untrusted(certificate)) != 1)
    return 0;
  X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(own.get()), X509_STORE_CTX_get0_param(certificate));
  const int ok = X509_verify_cert(own.get());
  X509_STORE_CTX_set_error(certificate, X509_STORE_CTX_get_error(own.get()));
  return ok > 0 ? 1 : 0;
}

}  // namespace

std::shared_ptr<SSL_CTX> make_hello_context(const UserKey& user) {
  std::array<std::uint8_t, 2> shape{};
  derive_key(user.secret, "hello profile", shape);
  const auto& profile = kProfiles[shape[0] % kProfiles.size()];
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  auto* c = context.get();
  bool good = c != nullptr && SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set_ciphersuites(c, profile.suites) == 1 &&
              SSL_CTX_set_cipher_list(c, profile.ciphers) == 1 &&
              SSL_CTX_set1_groups_list(c, profile.groups) == 1 &&
              SSL_CTX_set1_sigalgs_list(c, profile.signatures) == 1;
  if (!good) throw std::runtime_error("OpenSSL refuses the hello profile");
  for (const auto type : profile.extras) good = good && (type == 0 || add_extra(c, type));
  // GREASE (RFC 8701), like the browser's own: a value per installation will do.
  good = good && add_extra(c, 0x0a0aU | (shape[1] & 0xf0U) * 0x0101U);
  if (!good) throw std::runtime_error("OpenSSL refuses an extension of the hello profile");
  SSL_CTX_set_options(c, SSL_OP_NO_ENCRYPT_THEN_MAC | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_tlsext_status_type(c, TLSEXT_STATUSTYPE_ocsp);
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(c, verify_with_system_roots, nullptr);
  return context;
}

}  // namespace surang::https
