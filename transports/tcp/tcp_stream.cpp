#include "transports/tcp/tcp_stream.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace surang {
namespace {

using asio::ip::tcp;

class TcpStream final : public Stream {
 public:
  explicit TcpStream(tcp::socket socket) : socket_(std::move(socket)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);  // try_read, and splice, which looks at the descriptor's own flag
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

  // Sends at once what the kernel takes; waits only for the rest.
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    while (from.size() > 0) {
      if (fd_ < 0) co_return make_error_code(Errc::closed);
      error_code ec;
      from += socket_.write_some(from, ec);
      if (!ec) continue;
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
    if (ec != asio::error::operation_aborted) co_return ec;
    if ((co_await asio::this_coro::cancellation_state).cancelled() == asio::cancellation_type::none)
      co_return make_error_code(Errc::closed);
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    if (throws) throw boost::system::system_error(ec);
    co_return ec;
  }

  tcp::socket socket_;
  int fd_ = -1;  // -1 once closed
};

}  // namespace

StreamPtr make_tcp_stream(tcp::socket socket) {
  return std::make_unique<TcpStream>(std::move(socket));
}

}  // namespace surang
