// Ordinary verified TLS as a client.
#include <openssl/err.h>
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

asio::awaitable<Result<std::unique_ptr<TlsStream>>> connect_verified(StreamPtr inner,
                                                                     std::shared_ptr<SSL_CTX> context,
                                                                     std::string name,
                                                                     std::vector<std::string> alpn) {
  SslPtr ssl(SSL_new(context.get()), SSL_free);
  SSL_set_connect_state(ssl.get());
  bool named = false;
  if (!address_literal(name)) {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named =
        SSL_set_tlsext_host_name(ssl.get(), name.c_str()) == 1 && SSL_set1_host(ssl.get(), name.c_str()) == 1;
  } else {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str()) == 1;
  }
  if (!named) co_return make_error_code(Errc::bad_input);
  std::string protocols;
  for (const auto& p : alpn) (protocols += static_cast<char>(p.size())) += p;
  if (!protocols.empty())
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
  auto stream = TlsStream::make(std::move(inner), std::move(ssl));
  const auto done = co_await stream->handshake();
  if (done.has_error()) co_return done.error();
  co_return std::move(stream);
}

}  // namespace surang::tls
