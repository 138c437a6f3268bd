#include "tests/support/memory_stream.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <deque>
#include <memory>

namespace surang::test {
namespace {

// One direction.
struct Pipe {
  Pipe(asio::any_io_executor e, std::size_t limit)
      : capacity(limit),
        readable(e, asio::steady_timer::time_point::max()),
        writable(e, asio::steady_timer::time_point::max()) {}
  std::size_t capacity;
  std::deque<std::uint8_t> bytes;
  bool ended = false;   // the writer is done
  bool broken = false;  // reset, or the reader is gone
  asio::steady_timer readable, writable;
  void wake() {
    readable.cancel();
    writable.cancel();
  }
};

asio::awaitable<void> wait_on(asio::steady_timer& timer) {
  // The timer is cancelled to wake us; a cancellation of the coroutine throws by itself at the next co_await.
  error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
}

class MemoryStream final : public Stream {
 public:
  MemoryStream(asio::any_io_executor e, std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out,
               std::size_t chunk)
      : executor_(e), in_(std::move(in)), out_(std::move(out)), chunk_(chunk) {}
  ~MemoryStream() override { close(false); }

  asio::any_io_executor executor() override { return executor_; }

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (closed_) return make_error_code(Errc::closed);
    if (in_->broken) return error_code(asio::error::connection_reset);
    if (in_->bytes.empty()) {
      if (in_->ended || into.size() == 0) return std::size_t{0};
      return make_error_code(Errc::would_block);
    }
    const auto n = std::min({into.size(), in_->bytes.size(), chunk_});
    std::copy_n(in_->bytes.begin(), n, static_cast<std::uint8_t*>(into.data()));
    in_->bytes.erase(in_->bytes.begin(), in_->bytes.begin() + static_cast<std::ptrdiff_t>(n));
    in_->writable.cancel();
    return n;
  }

  asio::awaitable<Result<void>> wait_readable() override {
    const auto in = in_;
    while (!closed_ && !in->broken && !in->ended && in->bytes.empty()) co_await wait_on(in->readable);
    if (closed_) co_return make_error_code(Errc::closed);
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    const auto out = out_;
    const auto* data = static_cast<const std::uint8_t*>(from.data());
    std::size_t done = 0;
    while (done < from.size()) {
      if (closed_ || out->ended) co_return make_error_code(Errc::closed);
      if (out->broken) co_return error_code(asio::error::broken_pipe);
      const auto n = std::min(from.size() - done, out->capacity - out->bytes.size());
      if (n == 0) {
        co_await wait_on(out->writable);
        continue;
      }
      out->bytes.insert(out->bytes.end(), data + done, data + done + n);
      done += n;
      out->readable.cancel();
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> shutdown_write() override {
    if (closed_) co_return make_error_code(Errc::closed);
    out_->ended = true;
    out_->wake();
    co_return Result<void>{};
  }

  void close(bool abort) noexcept override {
    if (closed_) return;
    closed_ = true;
    in_->broken = true;
    if (abort)
      out_->broken = true;
    else
      out_->ended = true;
    in_->wake();
    out_->wake();
  }

 private:
  asio::any_io_executor executor_;
  std::shared_ptr<Pipe> in_, out_;
  std::size_t chunk_;
  bool closed_ = false;
};

}  // namespace

std::pair<StreamPtr, StreamPtr> memory_stream_pair(asio::any_io_executor executor, std::size_t chunk,
                                                   std::size_t capacity) {
  auto ab = std::make_shared<Pipe>(executor, capacity);
  auto ba = std::make_shared<Pipe>(executor, capacity);
  return {std::make_unique<MemoryStream>(executor, ba, ab, chunk),
          std::make_unique<MemoryStream>(executor, ab, ba, chunk)};
}

}  // namespace surang::test
