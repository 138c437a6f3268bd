#include "transports/core/stream.hpp"

#include <boost/asio/error.hpp>

#include "transports/core/timeout.hpp"

namespace surang {

Result<asio::const_buffer> Stream::try_write(asio::const_buffer from) {
  return from;
}

asio::awaitable<Result<void>> Stream::wait_writable() {
  co_return error_code(asio::error::operation_not_supported);
}

asio::awaitable<Result<void>> Stream::wait_broken() {
  co_return Result<void>{};
}

asio::awaitable<Result<std::size_t>> Stream::read_some(asio::mutable_buffer into) {
  for (;;) {
    auto n = try_read(into);
    if (n || n.error() != Errc::would_block) co_return n;
    if (auto ready = co_await wait_readable(); !ready) co_return ready.error();
  }
}

asio::awaitable<Result<std::size_t>> Stream::read_some_for(asio::mutable_buffer into,
                                                           std::chrono::steady_clock::duration limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto n = try_read(into);
    if (n || n.error() != Errc::would_block) co_return n;
    auto ready = co_await with_timeout(until - std::chrono::steady_clock::now(), wait_readable());
    if (!ready) co_return ready.error();
  }
}

asio::awaitable<Result<void>> Stream::read_exactly(asio::mutable_buffer into) {
  while (into.size() > 0) {
    auto n = co_await read_some(into);
    if (!n) co_return n.error();
    if (*n == 0) co_return make_error_code(Errc::truncated);
    into += *n;
  }
  co_return Result<void>{};
}

}  // namespace surang
