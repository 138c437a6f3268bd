// The client's connections to an edge: TLS, HTTP/2 inside, made when a request needs one and given up when
// they die. edge_carrier asks by it.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "transports/core/dialer.hpp"
#include "transports/core/task_group.hpp"
#include "transports/fronted/edge_modes.hpp"
#include "transports/fronted/front.hpp"
#include "transports/tls/tls_stream.hpp"
#include "transports/tunnel/h2_session.hpp"

namespace surang::fronted {

/// A connection to the edge of `front`, nothing sent yet; null for names that cannot be any.
tls::SslPtr make_client(SSL_CTX* context, const Front& front);

class Edge {
 public:
  using Request = std::unique_ptr<tunnel::H2Stream>;

  /// `tcp` must outlive it; `context` verifies.
  Edge(asio::any_io_executor executor, Dialer& tcp, std::shared_ptr<SSL_CTX> context, Front front);
  ~Edge();

  /// Sees to it that a connection is up. Errors of dialling, and of TLS: Errc::certificate, Errc::protocol.
  asio::awaitable<Result<void>> reach();

  /// Asks by the connection that is up, or by a new one. Errors as of reach(); what becomes of the
  /// request itself, the stream tells: no_route, timed_out where the connection died.
  asio::awaitable<Result<Request>> ask(std::string_view method, std::string path, bool with_body);

  /// Whether what is asked now goes by the connection that has `request`.
  bool asks_beside(const tunnel::H2Stream& request) const noexcept;

  /// Waits until the next new connection is up, for as long as its caller lets it.
  asio::awaitable<Result<void>> next_connection();

  asio::awaitable<void> close();

  /// What all who ask here have found out.
  EdgeModes& modes() noexcept { return modes_; }

 private:
  struct Connection;

  asio::awaitable<Result<std::shared_ptr<Connection>>> connected();
  asio::awaitable<Result<std::shared_ptr<Connection>>> connect();

  asio::any_io_executor executor_;
  Dialer& tcp_;
  const std::shared_ptr<SSL_CTX> context_;
  const Front front_;
  const std::string authority_ = front_.authority();
  EdgeModes modes_;
  std::shared_ptr<Connection> connection_;  // the one that takes requests
  std::size_t connections_ = 0;             // there were so many
  bool connecting_ = false;
  error_code last_error_;
  Wakeup connected_;
  TaskGroup tasks_;
};

}  // namespace surang::fronted
