#include "client/inbound/local_listener.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sstream>

#include "client/inbound/own_port.hpp"

namespace surang::client {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::string text(const tcp::endpoint& at) {
  std::ostringstream out;
  out << at;
  return out.str();
}

}  // namespace

Result<void> LocalListener::open(const tcp::endpoint& at, std::string& why, bool with_ipv4) {
  error_code ec;
  const auto failed = [&](const error_code& e) {
    if (e == asio::error::address_in_use)
      why =
          "port " + std::to_string(at.port()) + " (" + text(at) +
          ") is already in use: is Surang running twice, or another proxy? Set another one with `listen` in "
          "the configuration.";
    else if (e == asio::error::access_denied)
      why = "this user may not listen on port " + std::to_string(at.port()) + " (" + text(at) + ")";
    else
      why = "cannot listen on " + text(at) + ": " + e.message();
    error_code ignored;
    acceptor_.close(ignored);
    return e;
  };
  acceptor_.open(at.protocol(), ec);
  if (!ec && at.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(!with_ipv4), ec);
  if (!ec) claim_port(acceptor_, ec);
  if (!ec) acceptor_.bind(at, ec);
  if (!ec) acceptor_.listen(tcp::acceptor::max_listen_connections, ec);
  if (ec) return failed(ec);
  return {};
}

tcp::endpoint LocalListener::local() const {
  error_code ignored;
  return acceptor_.local_endpoint(ignored);
}

asio::awaitable<void> LocalListener::run(TaskGroup& sessions, Serve serve) {
  while (acceptor_.is_open()) {
    auto [ec, accepted] = co_await acceptor_.async_accept(asio::as_tuple(asio::deferred));
    if (ec == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
    if (ec) {
      // Out of descriptors, most likely: some will be given back soon.
      asio::steady_timer pause(acceptor_.get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
      continue;
    }
    sessions.spawn(
        [&serve, &socket = accepted](TaskGroup::Task task) { return serve(std::move(socket), task); });
  }
}

void LocalListener::close() {
  error_code ignored;
  acceptor_.close(ignored);
}

}  // namespace surang::client
