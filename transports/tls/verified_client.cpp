// Ordinary TLS as a client: verified, or for a look at the certificate.
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <stdexcept>

#include "transports/core/endpoint.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::tls {

std::shared_ptr<SSL_CTX> make_client_context(const std::string& extra_ca_file) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) throw std::runtime_error("OpenSSL gives no context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_default_verify_paths(context.get());
  if (!extra_ca_file.empty() && SSL_CTX_load_verify_file(context.get(), extra_ca_file.c_str()) != 1) {
    ERR_clear_error();
    throw std::runtime_error("no certificates can be read from " + extra_ca_file);
  }
  ERR_clear_error();
  return context;
}

namespace {

ServerNames both_named(const std::string& name) {
  return {address_literal(name) ? std::string() : name, name};
}

std::array<std::uint8_t, 32> sha256_of(const std::function<int(unsigned char**)>& encode) {
  std::array<std::uint8_t, 32> digest{};
  unsigned char* der = nullptr;
  const int size = encode(&der);
  if (size > 0) SHA256(der, static_cast<std::size_t>(size), digest.data());
  OPENSSL_free(der);
  return digest;
}

}  // namespace

SslPtr make_client(SSL_CTX* context, const ServerNames& names, const std::vector<std::string>& alpn) {
  SslPtr ssl(SSL_new(context), SSL_free);
  SSL_set_connect_state(ssl.get());
  const auto* verified = names.verified.c_str();
  bool named = names.sni.empty() || SSL_set_tlsext_host_name(ssl.get(), names.sni.c_str()) == 1;
  if (!address_literal(names.verified)) {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named = named && !names.verified.empty() && SSL_set1_host(ssl.get(), verified) == 1;
  } else {
    named = named && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), verified) == 1;
  }
  if (!named) return {nullptr, SSL_free};
  std::string protocols;
  for (const auto& p : alpn) (protocols += static_cast<char>(p.size())) += p;
  if (!protocols.empty())
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
  return ssl;
}

asio::awaitable<Result<std::unique_ptr<TlsStream>>> connect_verified(StreamPtr inner,
                                                                     std::shared_ptr<SSL_CTX> context,
                                                                     std::string name,
                                                                     std::vector<std::string> alpn) {
  return connect_verified(std::move(inner), std::move(context), both_named(name), std::move(alpn));
}

asio::awaitable<Result<std::unique_ptr<TlsStream>>> connect_verified(StreamPtr inner,
                                                                     std::shared_ptr<SSL_CTX> context,
                                                                     ServerNames names,
                                                                     std::vector<std::string> alpn) {
  auto ssl = make_client(context.get(), names, alpn);
  if (!ssl) co_return make_error_code(Errc::bad_input);
  auto stream = TlsStream::make(std::move(inner), std::move(ssl));
  const auto done = co_await stream->handshake();
  if (done.has_error()) co_return done.error();
  co_return std::move(stream);
}

asio::awaitable<Result<ShownCertificate>> look_at_certificate(StreamPtr inner,
                                                              std::shared_ptr<SSL_CTX> context,
                                                              std::string name) {
  const std::vector<std::string> alpn{"h2", "http/1.1"};
  auto ssl = make_client(context.get(), both_named(name), alpn);
  if (!ssl) co_return make_error_code(Errc::bad_input);
  SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);  // it is verified all the same, and the result kept
  const auto stream = TlsStream::make(std::move(inner), std::move(ssl));
  const auto done = co_await stream->handshake();
  if (done.has_error()) co_return done.error();
  ShownCertificate shown;
  auto* const leaf = SSL_get0_peer_certificate(stream->ssl());
  if (!leaf) co_return shown;
  const long result = SSL_get_verify_result(stream->ssl());
  shown.verified = result == X509_V_OK;
  if (!shown.verified) shown.problem = X509_verify_cert_error_string(result);
  shown.leaf = sha256_of([leaf](unsigned char** out) { return i2d_X509(leaf, out); });
  shown.key =
      sha256_of([leaf](unsigned char** out) { return i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), out); });
  co_return shown;
}

}  // namespace surang::tls
