// One way to bound an operation in time. Not `operator||`: when an operation throws there, it waits out the
// timer.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "transports/core/result.hpp"

namespace surang {

/// Runs `op` for at most `limit`; Errc::timed_out after that, when `op` has been cancelled and has unwound.
/// What `op` throws passes through, and so does a cancellation from outside.
template <class T>
boost::asio::awaitable<Result<T>> with_timeout(std::chrono::steady_clock::duration limit,
                                               boost::asio::awaitable<Result<T>> op) {
  namespace asio = boost::asio;
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, limit);
  auto [order, failure, value, timer_error] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(executor, std::move(op), asio::deferred), timer.async_wait(asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 0) {
    if (failure) std::rethrow_exception(failure);
    co_return std::move(value);
  }
  co_return make_error_code(Errc::timed_out);
}

}  // namespace surang
