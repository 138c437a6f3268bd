#include "transports/tls/hello_profile.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <array>
#include <mutex>
#include <stdexcept>

#include "transports/tls/client_hello.hpp"
#include "transports/tls/hello_extensions.hpp"

namespace surang::tls {
namespace {

struct Profile {
  const char* suites;   // TLS 1.3
  const char* ciphers;  // TLS 1.2, never used but offered
  const char* groups;
  const char* signatures;
  HelloExtras extras;
};

constexpr std::array<Profile, 3> kProfiles{{
    // Chromium
    {"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
     "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
     "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
     "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA",
     "X25519:P-256:P-384",
     "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:RSA+SHA256:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha384:"
     "RSA+SHA384:rsa_pss_rsae_sha512:RSA+SHA512",
     {true, {kScts, kAlps, kEch}, {1, 144, 32, 4}}},
    // Firefox
    {"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
     "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
     "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
     "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:"
     "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA",
     "X25519:P-256:P-384:P-521",
     "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:rsa_pss_rsae_sha256:"
     "rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA1:RSA+SHA1",
     {false, {kScts, kDelegatedCredentials, kRecordSizeLimit, kEch}, {2, 239, 0, 1}}},
    // Safari
    {"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
     "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
     "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"
     "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:"
     "AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA:AES128-SHA",
     "X25519:P-256:P-384:P-521",
     "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:RSA+SHA256:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha384:"
     "RSA+SHA384:rsa_pss_rsae_sha512:RSA+SHA512:RSA+SHA1",
     {true, {kScts}, {}}},
}};

// The roots are read from disk only if a server ever shows a certificate, once for a context.
int verify_with_system_roots(X509_STORE_CTX* certificate, void*) {
  static const int has_roots =
      CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_X509_STORE, 0, nullptr, nullptr, nullptr, nullptr);
  static std::mutex reading;
  auto* store = X509_STORE_CTX_get0_store(certificate);
  {
    const std::lock_guard lock(reading);
    if (X509_STORE_get_ex_data(store, has_roots) == nullptr) {
      X509_STORE_set_default_paths(store);
      ERR_clear_error();
      X509_STORE_set_ex_data(store, has_roots, store);
    }
  }
  return X509_verify_cert(certificate) > 0 ? 1 : 0;
}

}  // namespace

std::shared_ptr<SSL_CTX> make_hello_context(const UserKey& user) {
  std::array<std::uint8_t, 1> shape{};
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
  good = add_hello_extras(c, profile.extras);
  if (!good) throw std::runtime_error("OpenSSL refuses an extension of the hello profile");
  SSL_CTX_set_options(c, SSL_OP_NO_ENCRYPT_THEN_MAC | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_tlsext_status_type(c, TLSEXT_STATUSTYPE_ocsp);
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(c, verify_with_system_roots, nullptr);
  return context;
}

std::optional<std::string> hello_ja4(SslPtr client) {
  BIO* said = BIO_new(BIO_s_mem());
  SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), said);
  const auto* session = SSL_get_session(client.get());
  std::size_t written = 0;
  if (session && SSL_SESSION_get_max_early_data(session) > 0)
    (void)SSL_write_early_data(client.get(), " ", 1, &written);
  else
    (void)SSL_do_handshake(client.get());  // waits for the answer that never comes
  ERR_clear_error();
  char* data = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(said, &data));
  ClientHello hello;
  if (parse_client_hello({reinterpret_cast<const std::uint8_t*>(data), size}, hello) != HelloState::complete)
    return std::nullopt;
  return ja4(hello);
}

}  // namespace surang::tls
