#include "transports/tcp/tcp_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include "transports/core/alarm.hpp"
#include "transports/tcp/completion_error.hpp"
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
  asio::awaitable<Result<void>> wait_writable() override { return wait(tcp::socket::wait_write); }

  // In one operation, which spares the kernel being told each time what is waited for. Asio may wait for ever
  // for what comes after an end or an error.
  asio::awaitable<Result<std::size_t>> read_some(asio::mutable_buffer into) override {
    if (fd_ < 0) co_return make_error_code(Errc::closed);
    if (over_ || into.size() == 0) co_return try_read(into);
    for (;;) {
      const auto [ec, n] = co_await socket_.async_read_some(into, asio::as_tuple(asio::deferred));
      if (!ec) co_return n;
      if (ec != asio::error::operation_aborted) co_return ended_by(ec);
      if (const auto on = co_await called_off(); !on) co_return on.error();
    }
  }

  asio::awaitable<Result<std::size_t>> read_some_for(asio::mutable_buffer into,
                                                     std::chrono::steady_clock::duration limit) override {
    if (fd_ < 0) co_return make_error_code(Errc::closed);
    if (over_ || into.size() == 0) co_return try_read(into);
    bool late = false;
    Alarm alarm(socket_.get_executor());
    alarm.set(limit, [this, &late] {
      late = true;
      error_code ignored;
      socket_.cancel(ignored);  // what else it wakes goes on waiting
    });
    while (!late) {
      const auto [ec, n] = co_await socket_.async_read_some(into, asio::as_tuple(asio::deferred));
      if (!ec) co_return n;
      if (ec != asio::error::operation_aborted) co_return ended_by(ec);
      if (const auto on = co_await called_off(); !on) co_return on.error();
    }
    co_return make_error_code(Errc::timed_out);
  }

  Result<asio::const_buffer> try_write(asio::const_buffer from) override {
    if (fd_ < 0) return make_error_code(Errc::closed);
    error_code ec;
    const auto n = socket_.write_some(from, ec);
    if (ec && ec != asio::error::would_block && ec != asio::error::try_again) return ec;
    note_written(n);
    return from + n;
  }

  // Sends at once what the kernel takes; waits only for the rest.
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    for (;;) {
      const auto rest = try_write(from);
      if (!rest) co_return rest.error();
      if (rest->size() == 0) co_return Result<void>{};
      from = *rest;
      if (auto ready = co_await wait(tcp::socket::wait_write); !ready) co_return ready;
    }
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
    error_code ec = asio::error::operation_aborted;
    while (ec == asio::error::operation_aborted) {
      const auto [woken] =
          co_await socket_.async_wait(tcp::socket::wait_error, asio::as_tuple(asio::deferred));
      ec = woken;
      // A cancellation ends it without a throw: whoever waits here waits for nothing else.
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none || fd_ < 0) co_return Result<void>{};
    }
    asio::detail::socket_option::integer<SOL_SOCKET, SO_ERROR> pending;
    socket_.get_option(pending, ec);
    if (!ec && pending.value() != 0) ec.assign(pending.value(), asio::error::get_system_category());
    if (ec) co_return ec;
    co_return Result<void>{};
  }

  int native_socket() const noexcept override { return fd_; }

 private:
  asio::awaitable<Result<void>> wait(tcp::socket::wait_type what) {
    if (fd_ < 0) co_return make_error_code(Errc::closed);
    const auto [ec] = co_await socket_.async_wait(what, asio::as_tuple(asio::deferred));
    if (!ec) co_return Result<void>{};
    if (ec != asio::error::operation_aborted) co_return ec;
    co_return co_await called_off();
  }

  Result<std::size_t> ended_by(error_code ec) {
    over_ = true;
    if (ec == asio::error::eof) return std::size_t{0};
    return as_told_at_once(ec);
  }

  // After operation_aborted. No error: it was meant for another operation, and this one may be begun again.
  asio::awaitable<Result<void>> called_off() {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none) {
      if (fd_ < 0) co_return make_error_code(Errc::closed);
      co_return Result<void>{};
    }
    const error_code ec = asio::error::operation_aborted;
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
  bool over_ = false;      // nothing more will come
  std::size_t until_bbr_;  // bytes still to be written before BBR is asked for
};

}  // namespace

StreamPtr make_tcp_stream(tcp::socket socket, bool bbr_when_long) {
  return std::make_unique<TcpStream>(std::move(socket), bbr_when_long);
}

}  // namespace surang
