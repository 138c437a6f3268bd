#include "client/detection/progress.hpp"

#include <algorithm>
#include <utility>

namespace surang::client {
namespace {

using namespace std::chrono_literals;

// Where boxes are known to stop a connection, when nothing but an unanswered request tells of it.
constexpr std::uint64_t kBoxFrom = 12 * 1024, kBoxTo = 30 * 1024;
// A pause of more than that between records is the site's own; not in an answer to a request of our own,
// where a long round trip makes as long ones.
constexpr auto kSteadyGap = 400ms;
// What one gap in the middle of a record counts at most, and the two longest not at all: a few losses are no
// pace.
constexpr auto kMostOfGap = 750ms;
constexpr auto kSteadyFor = 3s;
constexpr double kAbsurd = 30e3;             // bytes a second
constexpr double kLeastUnderWay = 8 * 1024;  // a round trip
constexpr double kShare = 5, kWindowShare = 3, kLossShare = 3;

}  // namespace

Progress::Progress(FirstFlight::Kind kind, std::size_t flight_size, Clock::duration rtt,
                   Clock::time_point now, bool own)
    : tls_(kind == FirstFlight::Kind::tls), own_(own), rtt_(rtt), sent_(flight_size), last_(now) {}

void Progress::said_first(std::span<const std::uint8_t> flight) {
  if (!tls_) answers_.asked(flight);
}

// Since the last byte, as far as somebody waited for the next.
Clock::duration Progress::waited(Clock::time_point now) const {
  if (!waiting_since_) return {};
  return now - std::max(last_, *waiting_since_);
}

void Progress::from_site(std::span<const std::uint8_t> bytes, Clock::time_point now) {
  const auto gap = waited(now);
  const bool whole = !in_record();
  if (received_ > 0) {
    busy_bytes_ += bytes.size();
    if (!whole || ((own_ || gap <= kSteadyGap) && !asked_at_))
      count(std::min<Clock::duration>(gap, kMostOfGap), !whole);
  }
  received_ += bytes.size();
  if (tls_)
    from_.feed(bytes);
  else
    answers_.feed(bytes);
  last_ = now;
  asked_at_.reset();
  waiting_since_.reset();
}

void Progress::count(Clock::duration gap, bool in_record) {
  busy_ += gap;
  if (in_record) in_records_ += gap;
  if (gap > longest_[1]) longest_[1] = gap;
  if (longest_[1] > longest_[0]) std::swap(longest_[0], longest_[1]);
}

void Progress::to_site(std::span<const std::uint8_t> bytes, Clock::time_point now) {
  sent_ += bytes.size();
  if (!tls_) answers_.asked(bytes);
  const auto room = said_.size() - std::min(said_.size(), said_size_);
  std::copy_n(bytes.begin(), std::min(room, bytes.size()),
              said_.begin() + static_cast<std::ptrdiff_t>(said_size_));
  said_size_ = std::min(said_size_ + bytes.size(), said_.size() + 1);
  if (!asked_at_) asked_at_ = now;
}

void Progress::waits(Clock::time_point now) {
  if (!waiting_since_) waiting_since_ = now;
}

bool Progress::may_stall() const {
  if (received_ >= kFollowed || received_ == 0) return false;
  return in_record() || in_answer() || (asked_at_ && received_ >= kBoxFrom && received_ <= kBoxTo);
}

Stall Progress::stall(Clock::time_point now) const {
  if (!may_stall()) return Stall::none;
  const auto still = waited(now);
  if (in_record()) return still >= std::max<Clock::duration>(3s, 4 * rtt_) ? Stall::in_record : Stall::none;
  if (in_answer()) return still >= std::max<Clock::duration>(4s, 5 * rtt_) ? Stall::in_answer : Stall::none;
  const auto unanswered = std::min(still, now - *asked_at_);
  return unanswered >= std::max<Clock::duration>(5s, 6 * rtt_) ? Stall::unanswered : Stall::none;
}

bool Progress::measured() const {
  return received_ >= kCredit || in_records_ >= kSteadyFor;
}

double Progress::rate_over(Clock::duration time) const {
  return static_cast<double>(busy_bytes_) /
         std::chrono::duration<double>(std::max<Clock::duration>(time, 1ms)).count();
}

double Progress::rate() const {
  return rate_over(busy_ - by_chance());
}

double Progress::rate_with_losses() const {
  return rate_over(busy_);
}

Goodput Progress::goodput() const {
  return {rate(), rate() * std::chrono::duration<double>(rtt_).count(), rate_with_losses()};
}

Pace Progress::pace(const std::optional<Goodput>& others) const {
  if (!measured()) return Pace::unknown;
  const auto own = goodput();
  const bool rate = others ? own.rate < others->rate / kShare : rate_with_losses() < kAbsurd;
  // Where a round trip is not known the rate has to do.
  const bool known = own.window > 0 && (!others || others->window > 0);
  const bool window = !known || own.window < (others ? others->window / kWindowShare : kLeastUnderWay);
  // A few losses make a short transfer many times slower than the best of others; theirs do, too.
  const bool loss = others && others->with_losses > 0 && own.with_losses >= others->with_losses / kLossShare;
  return rate && window && !loss ? Pace::slow : Pace::fine;
}

bool Progress::certificate_refused() const {
  return tls_ && received_ > 0 && said_size_ <= said_.size() &&
         refuses_certificate(std::span(said_).first(said_size_));
}

}  // namespace surang::client
