// DNS over HTTPS (RFC 8484): providers are dialled by address, their certificate is checked against their
// name, and the first answer wins. What they say is as good as their certificate; what a network's name
// server says is not. A connection is kept a while for the names that follow.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "client/dns/dns_message.hpp"
#include "config/client_options.hpp"
#include "transports/core/dialer.hpp"

typedef struct ssl_ctx_st SSL_CTX;

namespace surang::client {

struct DohOptions {
  std::vector<config::DohServer> servers;
  std::chrono::milliseconds stagger{250};  ///< before the next provider is asked beside the last
  std::chrono::milliseconds limit{6000};
  std::chrono::milliseconds idle{20'000};  ///< that a connection is kept without a question
  bool ipv6 = true;
};

class Doh {
 public:
  /// `direct` and `tunnel` (may be null) must outlive it; both are given addresses only.
  Doh(boost::asio::any_io_executor executor, DohOptions options, std::shared_ptr<SSL_CTX> context,
      Dialer& direct, Dialer* tunnel);
  ~Doh();

  struct Answer {
    std::vector<boost::asio::ip::address> addresses;
    std::chrono::seconds ttl{0};
  };
  /// Errc::name_not_found is the providers' word; any other error: none could be reached by either way.
  /// `owner` holds the dialers while a dial is under way, which may outlast the question.
  asio::awaitable<Result<Answer>> resolve(std::string host, std::shared_ptr<void> owner);
  /// The same for one question of any kind, as a whole message: the first answer that is one, whatever it
  /// says.
  asio::awaitable<Result<DnsBytes>> exchange(DnsBytes query, std::shared_ptr<void> owner);
  /// Ends what is under way and all connections: they are of another network, or nobody will ask any more.
  void forget();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace surang::client
