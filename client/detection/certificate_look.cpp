#include "client/detection/certificate_look.hpp"

#include "transports/tls/tls_stream.hpp"

namespace surang::client {

asio::awaitable<void> look_at_certificate(Connector* connector, std::vector<asio::ip::address> addresses,
                                          Endpoint to, std::shared_ptr<SSL_CTX> context,
                                          std::shared_ptr<CertificateLook> look) {
  auto opened = co_await connector->connect(std::move(addresses), to.port(), nullptr);
  error_code result;
  if (opened) {
    std::vector<std::string> alpn{"h2", "http/1.1"};
    const auto secured = co_await tls::connect_verified(std::move(*opened), context, to.host(), alpn);
    if (!secured) result = secured.error();
  } else {
    result = opened.error();
  }
  look->result = result;
  look->news.cancel();
}

}  // namespace surang::client
