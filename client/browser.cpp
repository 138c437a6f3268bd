#include "client/browser.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "transports/core/buffer.hpp"
#include "transports/core/timeout.hpp"

namespace surang::client {
namespace {

constexpr std::size_t kMostAhead = 64 * 1024;
constexpr std::chrono::seconds kLinger{2};

asio::awaitable<Result<void>> drain(Stream& stream) {
  std::string scrap;
  for (;;) {
    const auto n = co_await read_into(stream, scrap);
    if (!n || *n == 0) co_return Result<void>{};
    scrap.clear();
  }
}

asio::awaitable<void> sleep_for(std::chrono::steady_clock::duration time) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(time);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

asio::awaitable<Result<std::size_t>> read_into(Stream& stream, std::string& input) {
  for (;;) {
    {
      ScratchBuffer scratch;  // given back before the wait
      const auto n = stream.try_read(scratch.all());
      if (n) {
        input.append(reinterpret_cast<const char*>(scratch.data()), *n);
        co_return *n;
      }
      if (n.error() != Errc::would_block) co_return n.error();
    }
    if (auto ready = co_await stream.wait_readable(); !ready) co_return ready.error();
  }
}

asio::awaitable<Result<std::size_t>> Browser::read_more() {
  const auto n = co_await read_into(*stream, input);
  if (n && *n == 0) ended = true;
  co_return n;
}

asio::awaitable<Result<void>> Browser::write(std::string_view text) {
  return stream->write_all(asio::buffer(text));
}

asio::awaitable<void> Browser::finish() {
  if (const auto ok = co_await stream->shutdown_write(); ok)
    (void)co_await with_timeout(kLinger, drain(*stream));
  stream->close();
}

asio::awaitable<void> Browser::until_gone(std::chrono::steady_clock::duration grace) {
  while (!ended && input.size() < kMostAhead) {
    const auto n = co_await read_more();
    if (!n) co_return;
  }
  co_await sleep_for(ended ? grace : kForEver);
}

}  // namespace surang::client
