#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/pt/parent_watch.hpp"
#include "transports/core/result.hpp"

namespace surang::client::pt {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kBetweenParents{1};

asio::awaitable<void> until_stdin_ends() {
  asio::posix::stream_descriptor input(co_await asio::this_coro::executor);
  error_code ec;
  input.assign(::dup(STDIN_FILENO), ec);
  std::array<char, 256> ignored;
  while (!ec) {
    const auto [failure, n] =
        co_await input.async_read_some(asio::buffer(ignored), asio::as_tuple(asio::deferred));
    ec = failure;
  }
}

// The kernel gives who has lost its parent another one.
asio::awaitable<void> until_another_parent() {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  for (const auto parent = ::getppid(); ::getppid() == parent;) {
    pause.expires_after(kBetweenParents);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace

asio::awaitable<void> until_parent_leaves(bool by_stdin) {
  return by_stdin ? until_stdin_ends() : until_another_parent();
}

}  // namespace surang::client::pt
