#include "client/detection/bulk_proof.hpp"

#include <algorithm>

#include "client/detection/freeze_memory.hpp"
#include "client/detection/watched_stream.hpp"
#include "client/inbound/http_message.hpp"
#include "transports/core/alarm.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr int kMostRequests = 16, kMostRedirects = 2;
constexpr std::size_t kMostTarget = 2000, kBlock = 16 * 1024;
constexpr auto kLimit = 8s;
constexpr auto kUnanswered = 5s;
constexpr auto kTick = 100ms;
// Where it stood still is known until the program ends; most boxes do before that.
constexpr std::uint64_t kMostBoxes = 32 * 1024;
constexpr std::uint64_t kMostProof = 1024 * 1024;
constexpr double kThrottledShare = 3;
// So much shows a pace, beyond what a slow start explains: below half of what is wanted, the rest is spared.
constexpr std::uint64_t kShowsPace = 24 * 1024;

bool plain(const Endpoint& to) {
  return to.port() == 80 || to.port() == 8080;
}

std::string request(const std::string& host, const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: " + (host.find(':') == host.npos ? host : '[' + host + ']') +
         "\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
         "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
         "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n\r\n";
}

// Where a redirect leads on the same host and by the same scheme; empty when it leads elsewhere.
std::string redirect_target(const HttpHead& head, const std::string& host, bool tls) {
  if (head.status / 100 != 3) return {};
  auto place = head.field("Location");
  const std::string own = (tls ? "https://" : "http://") + host;
  if (place.starts_with(own)) place.remove_prefix(own.size());
  const bool clean = std::all_of(place.begin(), place.end(), [](char c) { return c > ' ' && c < 127; });
  if (!place.starts_with('/') || place.starts_with("//") || place.size() > kMostTarget || !clean) return {};
  return std::string(place.substr(0, place.find('#')));
}

// Ends a connection that stands still or takes too long, and keeps what it showed.
class Watchdog final : public StreamObserver {
 public:
  Watchdog(asio::any_io_executor executor, double least_rate)
      : alarm_(std::move(executor)), least_rate_(least_rate) {}

  void guard(WatchedStream& stream) {
    stream_ = &stream;
    end_ = Clock::now() + kLimit;
    wait();
  }
  const Progress& progress() const { return stream_ ? stream_->progress() : *last_; }
  bool stalled() const { return stalled_; }
  bool late() const { return late_; }

  void moved(WatchedStream&) override {}
  void ending(WatchedStream&, bool) override {}
  void gone(WatchedStream& stream) noexcept override {
    last_ = stream.progress();
    stream_ = nullptr;
    alarm_.cancel();
  }

 private:
  void wait() {
    alarm_.set(kTick, [this] { look(); });
  }
  void look() {
    const auto now = Clock::now();
    const auto& progress = stream_->progress();
    stalled_ = progress.stall(now) == Stall::in_record || progress.waited(now) >= kUnanswered;
    const bool crawls = progress.received() >= kShowsPace && progress.rate_with_losses() < least_rate_ / 2;
    late_ = now >= end_ || crawls;
    if (stalled_ || late_) return stream_->close(true);
    wait();
  }

  Alarm alarm_;
  const double least_rate_;
  WatchedStream* stream_ = nullptr;
  std::optional<Progress> last_;
  Clock::time_point end_;
  bool stalled_ = false, late_ = false;
};

class Asking {
 public:
  Asking(Stream& stream, const Watchdog& dog, std::string host, bool tls, std::uint64_t enough)
      : stream_(stream), dog_(dog), host_(std::move(host)), tls_(tls), enough_(enough), block_(kBlock) {}

  asio::awaitable<Result<void>> run() {
    std::string target = "/";
    for (int n = 0, redirects = 0; n < kMostRequests && !enough(); ++n) {
      const auto text = request(host_, target);
      const auto written = co_await stream_.write_all(asio::buffer(text));
      if (!written) co_return written.error();
      const auto read = co_await read_answer();
      if (!read) co_return read.error();
      if (!answer_->head().keep_alive || closed_) break;
      auto elsewhere = redirect_target(answer_->head(), host_, tls_);
      if (!elsewhere.empty() && redirects++ < kMostRedirects) target = std::move(elsewhere);
    }
    co_return Result<void>{};
  }

 private:
  bool enough() const { return dog_.progress().received() >= enough_; }

  // A whole answer, or as much of it as is enough.
  asio::awaitable<Result<void>> read_answer() {
    std::string content;
    answer_.emplace();
    for (;;) {
      if (!answer_->head_done() && !input_.empty()) {
        const auto head = answer_->read_head(input_);
        if (!head) co_return head.error();
      }
      if (answer_->head_done() &&
          answer_->head().status / 100 == 1) {  // the final one follows (RFC 9110 15.2)
        answer_.emplace();
        if (!input_.empty()) continue;
      }
      if (answer_->head_done()) {
        content.clear();
        const auto body = answer_->done() ? Result<void>{} : answer_->read_body(input_, content);
        if (!body) co_return body.error();
        if (answer_->done() || enough()) co_return Result<void>{};
      }
      const auto n = co_await stream_.read_some(asio::buffer(block_));
      if (!n) co_return n.error();
      if (*n > 0) {
        input_.append(reinterpret_cast<const char*>(block_.data()), *n);
        continue;
      }
      closed_ = true;
      co_return answer_->head_done() ? answer_->end_of_input()
                                     : Result<void>(make_error_code(Errc::truncated));
    }
  }

  Stream& stream_;
  const Watchdog& dog_;
  const std::string host_;
  const bool tls_;
  const std::uint64_t enough_;
  bool closed_ = false;
  std::vector<std::uint8_t> block_;
  std::string input_;  // read, not yet parsed
  std::optional<HttpResponseReader> answer_;
};

}  // namespace

asio::awaitable<BulkResult> bulk_proof(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                       Way way, Endpoint to, std::string host,
                                       std::shared_ptr<SSL_CTX> context, std::uint64_t enough,
                                       double least_rate) {
  BulkResult result;
  std::vector<PlannedWay> plan{{way, StartWhen::at_once}};
  const auto nothing = std::make_shared<const FirstFlight>();
  limits.budget =
      std::min(limits.budget, 2 * silence_limit(limits.hedge));  // for the name and for connecting
  const bool tls = !plain(to);
  Race race(executor, std::move(tools), limits, std::move(plan), to, nothing);
  const auto winner = co_await race.run_and_close();
  if (!winner) {
    result.error = race.error();
    co_return result;
  }
  const auto dog = std::make_shared<Watchdog>(executor, least_rate);
  const Progress start(tls ? FirstFlight::Kind::tls : FirstFlight::Kind::http, 0, winner->view.rtt,
                       Clock::now(), true);
  auto watched = std::make_unique<WatchedStream>(std::move(winner->stream), start, way, to, host, dog);
  dog->guard(*watched);
  StreamPtr stream;
  if (tls) {
    std::vector<std::string> alpn{"http/1.1"};
    auto secured = co_await tls::connect_verified(std::move(watched), context, host, alpn);
    if (secured)
      stream = std::move(*secured);
    else
      result.error = secured.error();
  } else {
    stream = std::move(watched);
  }
  if (!result.error) {
    Asking asking(*stream, *dog, host, tls, enough);
    const auto asked = co_await asking.run();
    if (!asked) result.error = asked.error();
  }
  const auto& progress = dog->progress();
  result.bytes = progress.received();
  result.rate = progress.rate_with_losses();
  result.stalled = dog->stalled() && result.bytes > 0;
  result.late = dog->late();
  if (dog->stalled() || dog->late()) result.error = make_error_code(Errc::timed_out);
  result.complete = !result.error;
  co_return result;
}

std::uint64_t proof_beyond(std::uint64_t point) noexcept {
  return std::clamp(beyond(point), kCredit, kMostProof);
}

asio::awaitable<Again> carries_again(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                     Signal how, Endpoint to, std::string host,
                                     std::shared_ptr<SSL_CTX> context, std::uint64_t point) {
  // The tunnel first: what it brings says when enough was seen of a direct way that crawls.
  BulkResult other;
  if (how == Signal::throttled && tools.tunnel)
    other = co_await bulk_proof(executor, tools, limits, Way::tunnel, to, host, context);
  const double least_rate = other.complete ? other.rate / kThrottledShare : 0;
  const auto direct = co_await bulk_proof(executor, tools, limits, Way::direct, to, host, context,
                                          proof_beyond(point), least_rate);
  if (how != Signal::throttled && (direct.complete || direct.late)) {
    if (direct.bytes > (point > 0 ? point : kMostBoxes)) co_return Again::yes;
    co_return direct.complete ? Again::unclear : Again::no;
  }
  if (!direct.complete) co_return Again::no;
  co_return direct.rate >= least_rate ? Again::yes : Again::no;
}

}  // namespace surang::client
