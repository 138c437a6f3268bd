// A TLS connection of our own to the addresses that the browser's goes to, at the same time: its certificate
// comes with the same flight as the browser's ServerHello. A ServerHello proves that somebody speaks TLS
// there, a certificate who. Used by attempt.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "client/detection/attempt.hpp"

namespace surang::client {

struct CertificateLook {
  explicit CertificateLook(asio::any_io_executor e) : news(e, asio::steady_timer::time_point::max()) {}
  asio::steady_timer news;           ///< cancelled when it is over
  std::optional<error_code> result;  ///< empty error: it verified
};

/// Runs into `look`; `connector` must stay until it has ended.
asio::awaitable<void> look_at_certificate(Connector* connector, std::vector<asio::ip::address> addresses,
                                          Endpoint to, std::shared_ptr<SSL_CTX> context,
                                          std::shared_ptr<CertificateLook> look);

}  // namespace surang::client
