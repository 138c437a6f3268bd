// A TLS server context with a certificate made on the spot, for tests with real OpenSSL at both ends.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace surang::test {

struct TestServer {
  std::shared_ptr<SSL_CTX> context;
  std::string certificate_pem;  ///< self-signed: also what a client has to trust
};

/// For `name` (a host name), ALPN h2 and http/1.1. With `max_early_data` tickets allow 0-RTT.
TestServer make_tls_server(const std::string& name, unsigned max_early_data = 0);

/// A client context that trusts only `certificate_pem`.
std::shared_ptr<SSL_CTX> make_tls_client(const std::string& certificate_pem);

}  // namespace surang::test
