#include "tests/bench/judge/simulated_stream.hpp"

#include <openssl/ssl.h>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <charconv>
#include <cmath>
#include <cstring>

#include "tests/bench/judge/simulated_keys.hpp"
#include "tests/support/server_hello.hpp"

namespace surang::judge {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPacket = 1400, kFirstWindow = 10 * kPacket;  // RFC 6928
constexpr std::size_t kPiece = 8 * 1024;                            // that is read at once
constexpr std::size_t kRecord = 16 * 1024, kPage = 30'000;
constexpr std::uint8_t kApplicationData = 23;
constexpr std::array<std::uint8_t, 6> kImpostorRecord{kApplicationData, 3, 3, 0, 1, '!'};

Clock::duration from_seconds(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}

void add_record(std::vector<std::uint8_t>& to, std::size_t size) {
  const std::uint8_t head[] = {kApplicationData, 3, 3, static_cast<std::uint8_t>(size >> 8),
                               static_cast<std::uint8_t>(size)};
  to.insert(to.end(), std::begin(head), std::end(head));
  to.resize(to.size() + size);
}

std::string page_of(std::size_t size) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
}

std::vector<std::uint8_t> as_bytes(const std::string& s) {
  return {s.begin(), s.end()};
}

}  // namespace

std::vector<std::uint8_t> request_record(std::size_t size) {
  std::vector<std::uint8_t> record;
  add_record(record, 400);
  for (std::size_t i = 0; i < 4; ++i) record[5 + i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
  return record;
}

bool tells_impostor(std::span<const std::uint8_t> answer) {
  return answer.size() > kImpostorRecord.size() &&
         std::equal(kImpostorRecord.begin(), kImpostorRecord.end(), answer.end() - kImpostorRecord.size());
}

std::vector<std::uint8_t> certificate_alert() {
  return {21, 3, 3, 0, 2, 2, 48};  // fatal, unknown_ca (RFC 8446 6.2)
}

// TLS and HTTP of a site, for whoever speaks more than a hello.
struct SimulatedStream::Server {
  explicit Server(SSL_CTX* context) : ssl(SSL_new(context), SSL_free) {
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl.get());
  }
  std::vector<std::uint8_t> hear(std::span<const std::uint8_t> from) {
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
      const auto text = page_of(kPage) + std::string(kPage, 'x');
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
                                 bool direct)
    : network_(network),
      site_(site),
      fate_(fate),
      rtt_(rtt),
      direct_(direct),
      provider_(network.provider()),
      tcp_(direct ? rtt : network.conditions_.bridge_rtt),
      ready_(network.executor_, asio::steady_timer::time_point::max()),
      window_(kFirstWindow) {}

SimulatedStream::~SimulatedStream() = default;

void SimulatedStream::count(std::size_t bytes, bool flight) {
  if (!direct_) return;
  auto& t = network_.traffic;
  (browser_ ? t.browser : t.probes) += bytes;
  if (flight) ++(browser_ ? t.browser_flights : t.probe_flights);
}

// On a line that was left, or while none carries anything.
bool SimulatedStream::cut_off() const {
  return network_.away() || network_.provider() != provider_;
}

bool SimulatedStream::is_heard() const {
  if (cut_off()) return false;
  if (!direct_ || !site_) return true;
  const auto block = network_.block_of(*site_);
  const bool dropped = block == Block::silence || block == Block::silence_by_segment;
  const bool frozen = block == Block::freeze && sent_ > site_->freezes_after;
  return !frozen && !(dropped && fate_ == Fate::silent);
}

// What boxes do that read the name in the hello: some look at one record, some at one segment.
void SimulatedStream::meet_censor(std::span<const std::uint8_t> flight) {
  if (!direct_ || !site_ || http_ || flight.size() < 9 || fate_ != Fate::answers) return;
  const std::size_t record = flight[3] << 8 | flight[4];
  const std::size_t hello = flight[6] << 16 | flight[7] << 8 | flight[8];
  const bool in_records = record < hello + 4, in_segments = !in_records && flight.size() < record + 5;
  if (network_.suffers(*site_, Block::reset_by_record) && !in_records) fate_ = Fate::reset;
  if (network_.suffers(*site_, Block::silence_by_segment) && !in_segments) fate_ = Fate::silent;
}

std::vector<std::uint8_t> SimulatedStream::http_answer(std::string_view request) {
  if (direct_ && site_ && network_.suffers(*site_, Block::http_redirect))
    return as_bytes(
        "HTTP/1.1 302 Found\r\nLocation: http://filter.provider.example/stop\r\nContent-Length: 0\r\n\r\n");
  if (direct_ && site_ && network_.suffers(*site_, Block::http_page)) {
    const std::string page =
        "<html><head><title>Surf Safely!</title></head><body>This site may not be visited.</body></html>";
    return as_bytes(page_of(page.size()) + page);
  }
  if (request.starts_with("GET /generate_204 ")) return as_bytes("HTTP/1.1 204 No Content\r\n\r\n");
  if (request.starts_with("HEAD ")) return as_bytes(page_of(kPage));
  std::size_t size = 0;
  if (request.starts_with("GET /"))
    std::from_chars(request.data() + 5, request.data() + request.size(), size);
  if (size == 0) size = kPage;
  auto answer = as_bytes(page_of(size));
  answer.resize(answer.size() + size, 'x');
  return answer;
}

std::vector<std::uint8_t> SimulatedStream::answer_to(std::span<const std::uint8_t> said, bool first) {
  if (http_) return http_answer({reinterpret_cast<const char*>(said.data()), said.size()});
  if (!browser_) {
    if (!server_)
      server_ = std::make_unique<Server>(fate_ == Fate::impostor ? network_.keys_->impostor.context.get()
                                                                 : network_.keys_->sites.context.get());
    return server_->hear(said);
  }
  if (first) {
    session_id_ = session_id_of(said);
    const std::size_t whole = (said[3] << 8 | said[4]) + 5;
    hello_left_ = whole > said.size() ? whole - said.size() : 0;
    if (hello_left_ > 0) return {};
  } else if (hello_left_ > 0) {
    hello_left_ -= std::min(hello_left_, said.size());
    if (hello_left_ > 0) return {};
  } else {
    std::vector<std::uint8_t> body;
    if (said.size() < 9 || said[0] != kApplicationData) return body;
    for (auto left = static_cast<std::size_t>(said[5]) << 24 | said[6] << 16 | said[7] << 8 | said[8];
         left > 0;) {
      const auto size = std::min(left, kRecord);
      add_record(body, size);
      left -= size;
    }
    return body;
  }
  auto hello = test::server_hello(session_id_);
  if (fate_ == Fate::impostor) hello.insert(hello.end(), kImpostorRecord.begin(), kImpostorRecord.end());
  return hello;
}

void SimulatedStream::send(std::vector<std::uint8_t> bytes) {
  auto at = Clock::now() + network_.exchange(rtt_, std::max<Clock::duration>(200ms, rtt_ + rtt_ / 2));
  if (site_ && !std::exchange(answered_, true))
    at += from_seconds(network_.exponential(in_seconds(site_->thinking)));
  at = std::max(at, line_free_);
  auto rate = pace(network_.conditions_, rtt_);
  if (direct_ && site_ && network_.suffers(*site_, Block::throttle)) rate = std::min(rate, site_->shaped_to);
  const auto most = std::max<std::size_t>(
      4096, static_cast<std::size_t>(rate * in_seconds(std::max<Clock::duration>(rtt_, 250ms))));
  for (std::size_t done = 0; done < bytes.size();) {
    const auto size = std::min({bytes.size() - done, window_, most});
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(done);
    // What gets lost is sent again a round trip later; where nothing follows it, by the clock.
    const double packets = std::ceil(static_cast<double>(size) / kPacket);
    if (network_.chance() > std::pow(1 - network_.conditions_.loss, packets)) at += rtt_;
    if (network_.chance() < network_.conditions_.loss)
      at += std::max<Clock::duration>(200ms, rtt_ + rtt_ / 2);
    // A window comes in one go, as fast as the line is.
    for (std::size_t come = 0; come < size; come += kPiece) {
      auto passes = std::min(kPiece, size - come);
      if (direct_ && site_ && network_.suffers(*site_, Block::freeze))
        passes = std::min(passes, site_->freezes_after - std::min(site_->freezes_after, sent_ + come));
      const auto from = begin + static_cast<std::ptrdiff_t>(come);
      const auto then = at + from_seconds(static_cast<double>(come) / network_.conditions_.line);
      if (passes > 0) arrivals_.push_back({then, {from, from + static_cast<std::ptrdiff_t>(passes)}});
    }
    done += size;
    sent_ += size;
    const bool full = size == window_;
    at += full && window_ < most ? std::max(rtt_, from_seconds(static_cast<double>(size) / rate))
                                 : from_seconds(static_cast<double>(size) / rate);
    window_ = std::min(2 * window_, std::max(most, kFirstWindow));
  }
  line_free_ = at;
  if (!arrivals_.empty()) ready_.expires_at(arrivals_.front().at);
}

asio::awaitable<Result<void>> SimulatedStream::write_all(asio::const_buffer from) {
  if (closed_) co_return make_error_code(Errc::closed);
  const std::span<const std::uint8_t> said(static_cast<const std::uint8_t*>(from.data()), from.size());
  if (said.empty()) co_return Result<void>{};
  const bool first = !std::exchange(said_, true);
  if (first) {
    browser_ = is_browsers(said);
    http_ = said[0] != 22;
    meet_censor(said);
  }
  count(from.size(), first);
  tcp_.sent(from.size(), is_heard());
  if (cut_off() || fate_ == Fate::silent) co_return Result<void>{};
  if (fate_ == Fate::reset || fate_ == Fate::fin) {
    end_ = Clock::now() + rtt_ / 2;
    ready_.expires_at(end_);
    co_return Result<void>{};
  }
  if (fate_ == Fate::reset_by_site || fate_ == Fate::bridge_says_down) {
    end_ = Clock::now() + network_.exchange(rtt_, 200ms);
    ready_.expires_at(end_);
    co_return Result<void>{};
  }
  auto out = answer_to(said, first);
  if (!out.empty()) send(std::move(out));
  co_return Result<void>{};
}

Result<std::size_t> SimulatedStream::try_read(asio::mutable_buffer into) {
  if (closed_) return make_error_code(Errc::closed);
  const auto now = Clock::now();
  if (cut_off()) return make_error_code(Errc::would_block);
  if (end_ <= now) {
    if (fate_ == Fate::reset || fate_ == Fate::reset_by_site)
      return error_code(asio::error::connection_reset);
    if (fate_ == Fate::bridge_says_down) return make_error_code(Errc::destination_refused);
    tcp_.peer_ended();
    return std::size_t{0};
  }
  std::size_t taken = 0;
  while (taken < into.size() && !arrivals_.empty() && arrivals_.front().at <= now) {
    auto& next = arrivals_.front().bytes;
    const auto n = std::min(into.size() - taken, next.size() - read_);
    std::memcpy(static_cast<std::uint8_t*>(into.data()) + taken, next.data() + read_, n);
    taken += n;
    read_ += n;
    if (read_ < next.size()) continue;
    arrivals_.pop_front();
    read_ = 0;
  }
  ready_.expires_at(std::min(end_, arrivals_.empty() ? Clock::time_point::max() : arrivals_.front().at));
  if (taken == 0) return make_error_code(Errc::would_block);
  tcp_.received(taken);
  count(taken, false);
  return taken;
}

asio::awaitable<Result<void>> SimulatedStream::wait_readable() {
  while (!closed_) {
    const auto now = Clock::now();
    if (ready_.expiry() <= now && !cut_off()) break;
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
