// Runs one coroutine to its end on an io_context of its own; what it throws fails the test. And a pause for
// it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <stdexcept>

namespace surang::test {

inline boost::asio::awaitable<void> sleep_for(std::chrono::steady_clock::duration d) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, d);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

/// `make` gets the context and returns the coroutine. Throws when it has not ended after `limit`.
inline void run(std::function<boost::asio::awaitable<void>(boost::asio::io_context&)> make,
                std::chrono::seconds limit = std::chrono::seconds(90)) {
  boost::asio::io_context io(1);
  bool done = false;
  std::exception_ptr failure;
  boost::asio::co_spawn(io, make(io), [&](std::exception_ptr e) {
    done = true;
    failure = e;
    io.stop();
  });
  io.run_for(limit);
  if (failure) std::rethrow_exception(failure);
  if (!done) throw std::runtime_error("the test did not end in time");
}

}  // namespace surang::test
