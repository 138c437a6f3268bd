#include "tests/bench/judge/simulated_stream.hpp"

#include <openssl/ssl.h>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstring>

#include "tests/bench/judge/simulated_keys.hpp"
#include "tests/support/server_hello.hpp"

namespace surang::judge {

using namespace std::chrono_literals;

// TLS and HTTP of a site, for whoever speaks more than a hello.
struct SimulatedStream::Server {
  explicit Server(SSL_CTX* context) : ssl(SSL_new(context), SSL_free) {
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl.get());
  }
  std::vector<std::uint8_t> hear(asio::const_buffer from) {
    BIO_write(SSL_get_rbio(ssl.get()), from.data(), static_cast<int>(from.size()));
    if (!SSL_is_init_finished(ssl.get())) SSL_do_handshake(ssl.get());
    char block[4096];
    while (SSL_is_init_finished(ssl.get())) {
      const int n = SSL_read(ssl.get(), block, sizeof block);
      if (n <= 0) break;
      asked.append(block, static_cast<std::size_t>(n));
    }
    for (auto end = asked.find("\r\n\r\n"); end != asked.npos; end = asked.find("\r\n\r\n")) {
      asked.erase(0, end + 4);
      const std::string page(30'000, 'x');
      const auto text =
          "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " + std::to_string(page.size()) +
          "\r\n\r\n" + page;
      SSL_write(ssl.get(), text.data(), static_cast<int>(text.size()));
    }
    std::vector<std::uint8_t> out(static_cast<std::size_t>(BIO_pending(SSL_get_wbio(ssl.get()))));
    if (!out.empty()) BIO_read(SSL_get_wbio(ssl.get()), out.data(), static_cast<int>(out.size()));
    return out;
  }
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl;
  std::string asked;
};

SimulatedStream::SimulatedStream(SimulatedNetwork& network, const Site* site, Fate fate, Clock::duration rtt,
                                 bool counted)
    : network_(network),
      site_(site),
      fate_(fate),
      rtt_(rtt),
      counted_(counted),
      ready_(network.executor_, asio::steady_timer::time_point::max()) {}

SimulatedStream::~SimulatedStream() = default;

void SimulatedStream::count(std::size_t bytes, bool flight) {
  if (!counted_) return;
  auto& t = network_.traffic;
  (browser_ ? t.browser : t.probes) += bytes;
  if (flight) ++(browser_ ? t.browser_flights : t.probe_flights);
}

void SimulatedStream::answer(std::vector<std::uint8_t> bytes) {
  auto wait = network_.exchange(rtt_, std::max<Clock::duration>(200ms, rtt_ + rtt_ / 2));
  if (site_ && !said_)
    wait += std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
        network_.exponential(std::chrono::duration<double>(site_->thinking).count())));
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(read_));
  read_ = 0;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  ready_.expires_after(wait);
}

asio::awaitable<Result<void>> SimulatedStream::write_all(asio::const_buffer from) {
  if (closed_) co_return make_error_code(Errc::closed);
  const auto* data = static_cast<const std::uint8_t*>(from.data());
  const std::span<const std::uint8_t> flight(data, from.size());
  const bool first = !said_;
  if (first) browser_ = is_browsers(flight);
  count(from.size(), first);
  const bool http = first && !flight.empty() && flight[0] != 22;
  if (network_.away() || fate_ == Fate::silent) {
    said_ = true;
    co_return Result<void>{};
  }
  if (fate_ == Fate::reset || fate_ == Fate::fin || fate_ == Fate::bridge_says_down) {
    said_ = true;
    ready_.expires_after(rtt_ / 2);  // the censor sits half way
    co_return Result<void>{};
  }
  std::vector<std::uint8_t> out;
  if (http) {
    const std::string_view asked(reinterpret_cast<const char*>(flight.data()), flight.size());
    const bool nothing = asked.starts_with("GET /generate_204");
    const std::string_view page =
        nothing ? "HTTP/1.1 204 No Content\r\n\r\n" : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    out.assign(page.begin(), page.end());
  } else if (browser_) {
    if (first) out = test::server_hello(session_id_of(flight));
  } else {
    if (!server_)
      server_ = std::make_unique<Server>(fate_ == Fate::impostor ? network_.keys_->impostor.context.get()
                                                                 : network_.keys_->sites.context.get());
    out = server_->hear(from);
  }
  if (!out.empty()) answer(std::move(out));
  said_ = true;
  co_return Result<void>{};
}

Result<std::size_t> SimulatedStream::try_read(asio::mutable_buffer into) {
  if (closed_) return make_error_code(Errc::closed);
  if (ready_.expiry() > Clock::now() || network_.away()) return make_error_code(Errc::would_block);
  if (fate_ == Fate::reset) return error_code(asio::error::connection_reset);
  if (fate_ == Fate::bridge_says_down) return make_error_code(Errc::destination_refused);
  if (fate_ == Fate::fin) return std::size_t{0};
  const auto n = std::min(into.size(), bytes_.size() - read_);
  if (n == 0) return make_error_code(Errc::would_block);
  std::memcpy(into.data(), bytes_.data() + read_, n);
  read_ += n;
  count(n, false);
  if (browser_ && counted_) network_.traffic.browser += 100'000;  // the page behind the hello
  if (read_ == bytes_.size()) ready_.expires_at(asio::steady_timer::time_point::max());
  return n;
}

asio::awaitable<Result<void>> SimulatedStream::wait_readable() {
  while (!closed_) {
    const auto now = Clock::now();
    if (ready_.expiry() <= now && !network_.away()) break;
    if (ready_.expiry() <= now) ready_.expires_after(100ms);
    error_code ignored;
    co_await ready_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
  }
  if (closed_) co_return make_error_code(Errc::closed);
  co_return Result<void>{};
}

void SimulatedStream::close(bool) noexcept {
  closed_ = true;
  ready_.cancel();
}

}  // namespace surang::judge
