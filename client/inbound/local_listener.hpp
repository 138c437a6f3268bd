// The local port: accepts the browser's connections and hands each to a coroutine of its own. What they speak
// is the session's business. The pluggable transport's ports are such, too.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <string>

#include "transports/core/result.hpp"
#include "transports/core/task_group.hpp"

namespace surang::client {

class LocalListener {
 public:
  using Serve = std::function<boost::asio::awaitable<void>(boost::asio::ip::tcp::socket, TaskGroup::Task)>;

  explicit LocalListener(const boost::asio::any_io_executor& executor) : acceptor_(executor) {}

  /// Takes the port. On failure `why` is one sentence for the person, naming the port.
  /// address_family_not_supported or address_not_available: this machine has no such address (no IPv6).
  /// `with_ipv4`: an IPv6 port takes IPv4 connections, too.
  Result<void> open(const boost::asio::ip::tcp::endpoint& at, std::string& why, bool with_ipv4 = false);

  /// For what this class does not know of, between open() and run().
  boost::asio::ip::tcp::acceptor& socket() noexcept { return acceptor_; }

  /// The real one, when port 0 was asked for.
  boost::asio::ip::tcp::endpoint local() const;

  /// Accepts until closed or cancelled; every connection runs in `sessions`, which must outlive this.
  boost::asio::awaitable<void> run(TaskGroup& sessions, Serve serve);

  void close();

 private:
  boost::asio::ip::tcp::acceptor acceptor_;
};

}  // namespace surang::client
