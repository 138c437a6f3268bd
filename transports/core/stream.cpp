#include "transports/core/stream.hpp"

namespace surang {

asio::awaitable<Result<std::size_t>> Stream::read_some(asio::mutable_buffer into) {
  for (;;) {
    auto n = try_read(into);
    if (n || n.error() != Errc::would_block) co_return n;
    if (auto ready = co_await wait_readable(); !ready) co_return ready.error();
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
