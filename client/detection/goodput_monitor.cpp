#include "client/detection/goodput_monitor.hpp"

#include <vector>

#include "client/detection/site_scope.hpp"
#include "transports/tcp/tcp_info.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 250ms;
constexpr auto kPause = 1s;     // without a byte: nothing is going on
constexpr auto kGivenUp = 60s;  // whatever stands still for so long is the browser's to end
constexpr std::size_t kMostSuspects = 256;
constexpr double kCrawl = 20;

// The site has not even acknowledged what was said, on a connection that it has answered on: a request that
// it thinks about, or is to hold back, is acknowledged at once.
bool unheard(const WatchedStream& stream, std::uint64_t sent) {
  const auto info = tcp_info(stream.carrier_socket());
  return info && info->bytes_acked < sent;
}

}  // namespace

Suspicion::Suspicion(Signal what, const WatchedStream& s)
    : signal(what),
      way(s.way()),
      to(s.to()),
      host(s.host()),
      stream(s.suspect),
      received(s.progress().received()) {}

GoodputMonitor::GoodputMonitor(asio::any_io_executor executor, std::function<void(const Suspicion&)> suspect,
                               std::function<void()> worked)
    : executor_(executor), suspect_(std::move(suspect)), worked_(std::move(worked)), alarm_(executor) {}

StreamPtr GoodputMonitor::follow(StreamPtr stream, Way way, Endpoint to, std::string host,
                                 const FirstFlight& flight, std::span<const std::uint8_t> first_answer,
                                 Clock::duration rtt) {
  if (stopped_) return stream;
  const auto now = Clock::now();
  Progress progress(flight.kind, flight.bytes.size(), rtt, now);
  if (!first_answer.empty()) progress.from_site(first_answer, now);
  auto watched = std::make_unique<WatchedStream>(std::move(stream), progress, way, std::move(to),
                                                 std::move(host), shared_from_this());
  watch(*watched);
  return watched;
}

std::optional<Goodput> GoodputMonitor::others(const std::string& host) const {
  return memory_.others(registrable_domain(host), Clock::now());
}

void GoodputMonitor::stop() {
  stopped_ = true;
  alarm_.cancel();
  active_.clear();
  suspects_.clear();
}

void GoodputMonitor::watch(WatchedStream& stream) {
  active_.push_back(stream);
  if (!alarm_.is_set()) alarm_.set(kTick, [this] { tick(); });
}

void GoodputMonitor::moved(WatchedStream& stream) {
  if (stopped_) return stream.release();
  if (stream.suspect != 0) return;
  if (!stream.active.is_linked()) watch(stream);
  if (stream.progress().received() >= kCredit) measure(stream, Clock::now());
}

void GoodputMonitor::ending(WatchedStream& stream, bool by_site) {
  if (stopped_ || stream.suspect != 0) return;
  if (stream.progress().certificate_refused()) return suspect(stream, Signal::tls_certificate);
  if (by_site && stream.progress().received() > 0 && !stream.progress().in_record()) worked_();
}

void GoodputMonitor::gone(WatchedStream& stream) noexcept {
  if (stream.suspect != 0) suspects_.erase(stream.suspect);
}

void GoodputMonitor::tick() {
  const auto now = Clock::now();
  for (auto it = active_.begin(); it != active_.end();) {
    auto& stream = *it++;  // it may leave the list
    look_at(stream, now);
  }
  if (!active_.empty()) alarm_.set(kTick, [this] { tick(); });
}

void GoodputMonitor::look_at(WatchedStream& stream, Clock::time_point now) {
  const auto& progress = stream.progress();
  const auto idle = progress.idle(now);
  if (stream.released()) return stream.active.unlink();
  if (stream.doomed) {
    if (!progress.in_record() && idle >= kPause) stream.close(true);
    return;
  }
  const auto stall = progress.stall(now);
  if (stall == Stall::in_record || (stall == Stall::unanswered && unheard(stream, progress.sent())))
    return suspect(stream, Signal::frozen);
  if (progress.measured()) return measure(stream, now);
  if (idle >= kGivenUp || (idle >= kPause && !progress.may_stall())) stream.active.unlink();
}

void GoodputMonitor::measure(WatchedStream& stream, Clock::time_point now) {
  const auto& progress = stream.progress();
  const auto domain = registrable_domain(stream.host());
  const auto others = memory_.others(domain, now);
  const auto pace = progress.pace(others);
  if (pace == Pace::unknown) return;
  memory_.add(domain, progress.goodput(), now);
  worked_();
  if (pace == Pace::slow) {
    const bool crawls = others && progress.rate() * kCrawl < others->rate;
    return suspect(stream, Signal::throttled, crawls);
  }
  // Enough has come at a good pace, or what there is comes well and is not enough yet.
  if (progress.received() >= kCredit) {
    stream.release();
    stream.active.unlink();
  }
}

void GoodputMonitor::suspect(WatchedStream& stream, Signal signal, bool crawls) {
  if (stream.active.is_linked()) stream.active.unlink();
  if (suspects_.size() >= kMostSuspects) return stream.release();
  stream.suspect = ++last_number_;
  suspects_.emplace(stream.suspect, &stream);
  Suspicion suspicion(signal, stream);
  suspicion.crawls = crawls;
  suspect_(suspicion);
}

bool GoodputMonitor::still(std::uint64_t number) const {
  const auto it = suspects_.find(number);
  return it != suspects_.end() && it->second->progress().stall(Clock::now()) != Stall::none;
}

void GoodputMonitor::clear(std::uint64_t number) {
  const auto it = suspects_.find(number);
  if (it == suspects_.end()) return;
  it->second->suspect = 0;
  it->second->release();
  suspects_.erase(it);
}

std::size_t GoodputMonitor::cut_stalled(const std::string& host) {
  const auto now = Clock::now();
  std::size_t cut = 0;
  for (const auto& [number, stream] : suspects_) {
    if (stream->host() != host || stream->progress().stall(now) == Stall::none) continue;
    stream->close(true);
    ++cut;
  }
  return cut;
}

void GoodputMonitor::end_slow(const std::string& host, bool at_once) {
  for (const auto& [number, stream] : suspects_) {
    if (stream->host() != host || stream->doomed || stream->released()) continue;
    stream->doomed = true;
    if (at_once)
      stream->close(true);
    else
      watch(*stream);
  }
}

}  // namespace surang::client
