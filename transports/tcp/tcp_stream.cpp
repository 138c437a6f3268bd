#include "transports/tcp/tcp_stream.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "transports/tcp/congestion.hpp"

namespace surang {
namespace {

using asio::ip::tcp;

class TcpStream final : public Stream {
 public:
  TcpStream(tcp::socket socket, bool bbr_when_long)
      : socket_(std::move(socket)), until_bbr_(bbr_when_long ? kLongUpload : kNever) {
    error_code ignored;
    // For try_read, and for splice, which looks at the descriptor's own flag.
    if (!socket_.non_blocking()) socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay(true), ignored);
    if (socket_.is_open()) fd_ = static_cast<int>(socket_.native_handle());
  }

  asio::any_io_executor executor() override { return socket_.get_executor(); }

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (fd_ < 0) return make_error_code(Errc::closed);
    if (into.size() == 0) return std::size_t{0};
    error_code ec;
    const auto n = socket_.read_some(into, ec);
    if (!ec) return n;
    if (ec == asio::error::eof) return std::size_t{0};
    if (ec == asio::error::would_block || ec == asio::error::try_again)
      return make_error_code(Errc::would_block);
    return ec;
  }

  asio::awaitable<Result<void>> wait_readable() override { return wait(tcp::socket::wait_read); }
  // Without a coroutine of its own for the wait, as with_timeout would make it.
  asio::awaitable<Result<void>> wait_readable_for(std::chrono::steady_clock::duration limit) override {
    if (fd_ < 0) co_return make_error_code(Errc::closed);
    asio::steady_timer timer(socket_.get_executor(), limit);
    const auto [order, ec, late] =
        co_await asio::experimental::make_parallel_group(
            socket_.async_wait(tcp::socket::wait_read, asio::deferred), timer.async_wait(asio::deferred))
            .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    if (!ec) co_return Result<void>{};
    if (order[0] == 1 && !late) co_return make_error_code(Errc::timed_out);
    co_return co_await failed_wait(ec);
  }

  asio::awaitable<Result<void>> wait_writable() override { return wait(tcp::socket::wait_write); }

  // Sends at once what the kernel takes; waits only for the rest.
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    while (from.size() > 0) {
      if (fd_ < 0) co_return make_error_code(Errc::closed);
      error_code ec;
      const auto n = socket_.write_some(from, ec);
      from += n;
      if (!ec) {
        note_written(n);
        continue;
      }
      if (ec != asio::error::would_block && ec != asio::error::try_again) co_return ec;
      if (auto ready = co_await wait(tcp::socket::wait_write); !ready) co_return ready;
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> shutdown_write() override {
    if (fd_ < 0) co_return make_error_code(Errc::closed);
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    if (ec) co_return ec;
    co_return Result<void>{};
  }

  void close(bool abort) noexcept override {
    if (fd_ < 0) return;
    fd_ = -1;
    error_code ignored;
    if (abort) socket_.set_option(tcp::socket::linger(true, 0), ignored);
    socket_.close(ignored);
  }

  asio::awaitable<Result<void>> wait_broken() override {
    // Also woken when both directions have ended in order, which is no error.
    if (fd_ < 0) co_return make_error_code(Errc::closed);
    error_code ec;
    // A cancellation ends it without a throw: whoever waits here waits for nothing else.
    co_await socket_.async_wait(tcp::socket::wait_error, asio::redirect_error(asio::use_awaitable, ec));
    if (ec == asio::error::operation_aborted) co_return Result<void>{};
    asio::detail::socket_option::integer<SOL_SOCKET, SO_ERROR> pending;
    if (fd_ >= 0) socket_.get_option(pending, ec);
    if (!ec && pending.value() != 0) ec.assign(pending.value(), asio::error::get_system_category());
    if (ec) co_return ec;
    co_return Result<void>{};
  }

  int native_socket() const noexcept override { return fd_; }

 private:
  asio::awaitable<Result<void>> wait(tcp::socket::wait_type what) {
    if (fd_ < 0) co_return make_error_code(Errc::closed);
    error_code ec;
    co_await socket_.async_wait(what, asio::redirect_error(asio::use_awaitable, ec));
    if (!ec) co_return Result<void>{};
    co_return co_await failed_wait(ec);
  }

  asio::awaitable<Result<void>> failed_wait(error_code ec) {
    if (ec != asio::error::operation_aborted) co_return ec;
    if ((co_await asio::this_coro::cancellation_state).cancelled() == asio::cancellation_type::none)
      co_return make_error_code(Errc::closed);
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    if (throws) throw boost::system::system_error(ec);
    co_return ec;
  }

  void note_written(std::size_t n) {
    if (until_bbr_ == kNever) return;
    until_bbr_ = until_bbr_ > n ? until_bbr_ - n : kNever;
    if (until_bbr_ == kNever) ask_for_bbr(fd_);
  }

  static constexpr std::size_t kLongUpload = 64 * 1024;  // bytes
  static constexpr std::size_t kNever = 0;

  tcp::socket socket_;
  int fd_ = -1;            // -1 once closed
  std::size_t until_bbr_;  // bytes still to be written before BBR is asked for
};

}  // namespace

StreamPtr make_tcp_stream(tcp::socket socket, bool bbr_when_long) {
  return std::make_unique<TcpStream>(std::move(socket), bbr_when_long);
}

}  // namespace surang
