#include "tests/support/tls_server.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstring>

namespace surang::test {
namespace {

int choose_alpn(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                unsigned in_size, void*) {
  static constexpr unsigned char ours[] = "\x02h2\x08http/1.1";
  unsigned char* chosen = nullptr;
  const bool found =
      SSL_select_next_proto(&chosen, size, ours, sizeof ours - 1, in, in_size) == OPENSSL_NPN_NEGOTIATED;
  *out = chosen;
  return found ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

TestServer make_tls_server(const std::string& name, unsigned max_early_data) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  auto* cert = certificate.get();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 7 * 86400);
  X509_set_pubkey(cert, key.get());
  auto* subject = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(cert, subject);
  const auto names = "DNS:" + name;
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(cert, key.get(), EVP_sha256());

  TestServer server;
  server.context.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  auto* context = server.context.get();
  SSL_CTX_use_certificate(context, cert);
  SSL_CTX_use_PrivateKey(context, key.get());
  SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
  if (max_early_data > 0) SSL_CTX_set_max_early_data(context, max_early_data);

  const std::unique_ptr<BIO, decltype(&BIO_free)> pem(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(pem.get(), cert);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(pem.get(), &text);
  server.certificate_pem.assign(text, static_cast<std::size_t>(size));
  return server;
}

std::shared_ptr<SSL_CTX> make_tls_client(const std::string& certificate_pem) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const std::unique_ptr<BIO, decltype(&BIO_free)> pem(
      BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())), BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> cert(
      PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr), X509_free);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), cert.get());
  return context;
}

}  // namespace surang::test
