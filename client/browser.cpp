#include "client/browser.hpp"

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "transports/core/buffer.hpp"
#include "transports/core/timeout.hpp"

namespace surang::client {
namespace {

constexpr std::size_t kMostAhead = 64 * 1024;
constexpr std::size_t kMostlyAll = 4096;  // of a request's head or a ClientHello
constexpr std::chrono::seconds kLinger{2};

// What is there, appended to `input`. The memory is given back before anybody waits.
Result<std::size_t> read_now(Stream& stream, std::string& input) {
  ScratchBuffer scratch;
  const auto n = stream.try_read(scratch.all());
  if (n) input.append(reinterpret_cast<const char*>(scratch.data()), *n);
  return n;
}

asio::awaitable<Result<void>> drain(Stream& stream) {
  std::string scrap;
  for (;;) {
    const auto n = co_await read_into(stream, scrap);
    if (!n || *n == 0) co_return Result<void>{};
    scrap.clear();
  }
}

}  // namespace

asio::awaitable<Result<std::size_t>> read_into(Stream& stream, std::string& input) {
  for (;;) {
    const auto n = read_now(stream, input);
    if (n || n.error() != Errc::would_block) co_return n;
    if (auto ready = co_await stream.wait_readable(); !ready) co_return ready.error();
  }
}

asio::awaitable<Result<std::size_t>> Browser::read_more() {
  const auto n = co_await read_into(*stream, input);
  if (n && *n == 0) ended = true;
  co_return n;
}

asio::awaitable<Result<std::size_t>> Browser::read_more(std::chrono::steady_clock::duration limit) {
  std::array<char, kMostlyAll> block;
  const auto n = co_await stream->read_some_for(asio::buffer(block), limit);
  if (!n) co_return n;
  ended = *n == 0;
  input.append(block.data(), *n);
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
  // Mostly it is cancelled, once for every connection: it then returns instead of throwing through its
  // frames.
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!ended && input.size() < kMostAhead) {
    const auto n = read_now(*stream, input);
    if (!n && n.error() != Errc::would_block) co_return;
    ended = n && *n == 0;
    if (n) continue;
    const auto ready = co_await stream->wait_readable();
    if (!ready) co_return;
  }
  asio::steady_timer timer(co_await asio::this_coro::executor, ended ? grace : kForEver);
  error_code cancelled;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

}  // namespace surang::client
