#include "client/detection/goodput_monitor.hpp"

#include <algorithm>

#include "client/detection/site_scope.hpp"
#include "transports/tcp/alive_probe.hpp"
#include "transports/tcp/tcp_info.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr Clock::duration kTick = 250ms, kAsideTick = 1s;
constexpr auto kPause = 1s;     // without a byte: nothing is going on
constexpr auto kGivenUp = 60s;  // whatever stands still for so long is the browser's to end
constexpr std::size_t kMostSuspects = 256;
constexpr double kCrawl = 20;
// A connection of which nothing has been heard for so many questions, a second apart, is dead.
constexpr std::uint32_t kUnanswered = 3;
// A site that is there may take that long in the middle of an answer before anybody looks into it.
constexpr auto kOwnPause = 7s;
constexpr int kOwnPauseTrips = 8;
// Spliced: so quiet, with something said again and again in vain.
constexpr auto kAsideStill = 5s;
constexpr int kAsideTrips = 6;
constexpr std::uint32_t kAsideRetransmits = 3;
constexpr auto kNoticeable = 250ms;
constexpr auto kAnswered = 500ms;  // something came so much later than the last byte

// The site has not even acknowledged what was said, on a connection that it has answered on: a request that
// it thinks about, or is to hold back, is acknowledged at once.
bool unheard(const WatchedStream& stream, std::uint64_t sent) {
  const auto info = tcp_info(stream.carrier_socket());
  return info && info->bytes_acked < sent;
}

void stop_asking(WatchedStream& stream) {
  if (stream.asking) ask_alive(stream.carrier_socket(), false);
  stream.asking = stream.answered = false;
}

bool is_aside(const WatchedStream& stream) {
  return stream.aside_moved != Clock::time_point{};
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
                               std::function<void()> worked,
                               std::function<void(const std::string&)> went_beyond)
    : executor_(executor),
      suspect_(std::move(suspect)),
      worked_(std::move(worked)),
      went_beyond_(std::move(went_beyond)),
      alarm_(executor) {}

StreamPtr GoodputMonitor::follow(StreamPtr stream, Way way, Endpoint to, std::string host,
                                 const FirstFlight& flight, std::span<const std::uint8_t> first_answer,
                                 Clock::duration rtt) {
  if (stopped_) return stream;
  const auto now = Clock::now();
  Progress progress(flight.kind, flight.bytes.size(), rtt, now);
  progress.said_first(flight.bytes);
  if (!first_answer.empty()) progress.from_site(first_answer, now);
  auto watched = std::make_unique<WatchedStream>(std::move(stream), progress, way, std::move(to),
                                                 std::move(host), shared_from_this());
  if (way != Way::tunnel) watch(*watched);
  return watched;
}

std::optional<Goodput> GoodputMonitor::others(const std::string& host) const {
  return memory_.others(registrable_domain(host), Clock::now());
}

void GoodputMonitor::stop() {
  stopped_ = true;
  alarm_.cancel();
  active_.clear();
  aside_.clear();
  suspects_.clear();
}

void GoodputMonitor::set_alarm() {
  if (!alarm_.is_set() && !(active_.empty() && aside_.empty()))
    alarm_.set(active_.empty() ? kAsideTick : kTick, [this] { tick(); });
}

void GoodputMonitor::watch(WatchedStream& stream) {
  active_.push_back(stream);
  set_alarm();
}

// From here on the relay splices.
void GoodputMonitor::watch_aside(WatchedStream& stream) {
  freezes_.passed(stream.host(), stream.progress().received());
  if (stream.active.is_linked()) stream.active.unlink();
  stream.release();
  const auto info = tcp_info(stream.carrier_socket());
  if (!info) return;
  stream.aside_received = info->bytes_received;
  stream.aside_moved = Clock::now();
  aside_.push_back(stream);
  set_alarm();
}

// What the tunnel carries, as far as that tells of a host whose direct connections stand still.
void GoodputMonitor::contrast(WatchedStream& stream) {
  const auto point = freezes_.point(stream.host());
  if (!point) return stream.release();
  const auto received = stream.progress().received();
  if (received <= beyond(*point)) return;
  freezes_.carried(stream.host(), received, Clock::now());
  stream.release();
  if (went_beyond_) went_beyond_(stream.host());
}

void GoodputMonitor::moved(WatchedStream& stream) {
  if (stopped_) return stream.release();
  if (stream.suspect != 0) return;
  if (stream.way() == Way::tunnel) return contrast(stream);
  if (stream.asking) stop_asking(stream);
  if (!stream.active.is_linked()) watch(stream);
  const auto received = stream.progress().received();
  if (received >= kCredit && !stream.credited) measure(stream, Clock::now());
  if (received >= kFollowed && stream.credited && stream.suspect == 0 && !stream.released())
    watch_aside(stream);
}

void GoodputMonitor::ending(WatchedStream& stream, bool by_site) {
  if (stopped_ || stream.suspect != 0 || stream.way() == Way::tunnel) return;
  stop_asking(stream);
  freezes_.passed(stream.host(), stream.progress().received());
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
  if (now - looked_aside_ >= kAsideTick) {
    looked_aside_ = now;
    for (auto it = aside_.begin(); it != aside_.end();) look_aside(*it++, now);
  }
  set_alarm();
}

bool GoodputMonitor::look_at_answer(WatchedStream& stream, Stall stall, Clock::time_point now) {
  const auto& progress = stream.progress();
  const auto waited = progress.waited(now);
  if (waited < kPause) return false;
  const int socket = stream.carrier_socket();
  if (!stream.asking) stream.asking = ask_alive(socket, true);
  const auto info = tcp_info(socket);
  if (info && stream.asking && !stream.answered && waited - info->since_ack > kAnswered) {
    stream.answered = true;
    ask_alive(socket, false);
  }
  if (stall != Stall::in_answer || stream.heard) return false;
  if (info && (info->unanswered_probes >= kUnanswered || info->bytes_acked < progress.sent())) {
    suspect(stream, Signal::frozen);
    return true;
  }
  const auto trips = info ? kOwnPauseTrips * Clock::duration(info->rtt) : Clock::duration::zero();
  if (!progress.announced() || waited < std::max<Clock::duration>(kOwnPause, trips)) return false;
  suspect(stream, Signal::frozen, false, true);
  return true;
}

void GoodputMonitor::look_aside(WatchedStream& stream, Clock::time_point now) {
  const auto info = tcp_info(stream.carrier_socket());
  if (!info || info->peer_ended) return stream.active.unlink();
  if (info->bytes_received != stream.aside_received) {
    stream.aside_received = info->bytes_received;
    stream.aside_moved = now;
    return;
  }
  const auto still = now - stream.aside_moved;
  if (still >= kGivenUp) return stream.active.unlink();
  if (still >= std::max<Clock::duration>(kAsideStill, kAsideTrips * Clock::duration(info->rtt)) &&
      info->retransmits >= kAsideRetransmits)
    suspect(stream, Signal::frozen);
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
  if (progress.in_answer() && look_at_answer(stream, stall, now)) return;
  if (stall == Stall::in_record || (stall == Stall::unanswered && unheard(stream, progress.sent())))
    return suspect(stream, Signal::frozen);
  const bool over = idle >= kGivenUp;
  if (!over && progress.measured() && !stream.credited) return measure(stream, now);
  if (!over && (idle < kPause || progress.may_stall())) return;
  stop_asking(stream);
  stream.active.unlink();
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
  if (progress.received() < kCredit) return;
  stream.credited = true;
  if (!progress.tracked()) watch_aside(stream);
}

bool GoodputMonitor::others_went_on(const WatchedStream& stream, Clock::time_point last) const {
  const auto domain = registrable_domain(stream.host());
  const auto now = Clock::now();
  const auto went_on = [&](const WatchedStream& other) {
    const auto moved = is_aside(other) ? other.aside_moved : now - other.progress().idle(now);
    return other.began < last && moved > last + kNoticeable && registrable_domain(other.host()) != domain;
  };
  return std::any_of(active_.begin(), active_.end(), went_on) ||
         std::any_of(aside_.begin(), aside_.end(), went_on);
}

void GoodputMonitor::suspect(WatchedStream& stream, Signal signal, bool crawls, bool heard) {
  stop_asking(stream);
  if (stream.active.is_linked()) stream.active.unlink();
  if (suspects_.size() >= kMostSuspects) return stream.release();
  stream.suspect = ++last_number_;
  suspects_.emplace(stream.suspect, &stream);
  Suspicion suspicion(signal, stream);
  suspicion.crawls = crawls;
  suspicion.heard = stream.heard = heard;
  if (signal == Signal::frozen) {
    const auto now = Clock::now();
    if (is_aside(stream)) suspicion.received = stream.aside_received;
    const auto last = is_aside(stream) ? stream.aside_moved : now - stream.progress().idle(now);
    suspicion.where = {suspicion.received, last, others_went_on(stream, last)};
  }
  suspect_(suspicion);
}

bool GoodputMonitor::still(std::uint64_t number) const {
  const auto it = suspects_.find(number);
  return it != suspects_.end() && stands_still(*it->second, Clock::now());
}

bool GoodputMonitor::stands_still(const WatchedStream& stream, Clock::time_point now) {
  if (!is_aside(stream)) return stream.progress().stall(now) != Stall::none;
  const auto info = tcp_info(stream.carrier_socket());
  return info && info->bytes_received == stream.aside_received && info->unacknowledged > 0;
}

void GoodputMonitor::clear(std::uint64_t number) {
  const auto it = suspects_.find(number);
  if (it == suspects_.end()) return;
  it->second->suspect = 0;
  it->second->release();
  suspects_.erase(it);
}

std::size_t GoodputMonitor::cut_stalled(const std::string& host, bool convicted) {
  const auto now = Clock::now();
  std::size_t cut = 0;
  for (const auto& [number, stream] : suspects_) {
    if (stream->host() != host || !stands_still(*stream, now) || (stream->heard && !convicted)) continue;
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
