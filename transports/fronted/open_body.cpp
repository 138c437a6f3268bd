#include "transports/fronted/open_body.hpp"

#include <algorithm>
#include <utility>

namespace surang::fronted {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMostBytes = 1000 * 1000;  // what every edge takes
constexpr auto kMostAge = 20s;                     // edges cut a body that rests for 60 s
constexpr auto kQuiet = 3s;                        // then its end is what brings the acknowledgement
// One that works is asked about when its bytes ought to have come long ago, and no other was a while ago.
constexpr auto kAskAfter = 2s, kAskAgain = 3s, kAskLatest = 6s;
constexpr auto kDue = 1s;  // when a byte ought to have come, whatever the round trip
constexpr auto kMarkEvery = 250ms;
constexpr auto kTellLimit = 12s;
constexpr auto kHeadLimit = 3s;
constexpr auto kStuckLimit = 12s;  // an edge that has stopped reading; one that is gone is noticed sooner
constexpr auto kEndLimit = 15s;
// On trial all goes by the round trip, and what a busy machine adds to it.
constexpr auto kTrialSlack = 50ms, kTrialHeadSlack = 200ms, kTrialTellSlack = 1000ms;

}  // namespace

OpenBody::OpenBody(EdgeModes& modes, Mode mode, std::uint64_t from, Time now, double pace)
    : modes_(modes), mode_(mode), from_(from), pace_(pace), end_(from) {
  trial_ = modes.standing(mode, now) == EdgeModes::Standing::untried;
  if (trial_) modes.begin_trial(mode);
}

OpenBody::~OpenBody() {
  dropped();
}

std::size_t OpenBody::room() const noexcept {
  return ending_ || over_ ? 0 : static_cast<std::size_t>(kMostBytes - (end_ - from_));
}

void OpenBody::fed(std::size_t n, Time now) noexcept {
  end_ += n;
  last_fed_ = now;
  stuck_since_.reset();
  if (missing_.empty() || now - missing_.back().since >= kMarkEvery) missing_.push_back({end_, now});
}

void OpenBody::answer_began() noexcept {
  if (!head_at_) head_at_ = end_;
}

// Since the first time that the bridge said so.
void OpenBody::owed(Time now) noexcept {
  if (head_at_ && !owed_since_) owed_since_ = now;
}

void OpenBody::acknowledged(std::uint64_t received) noexcept {
  if (missing_.empty()) return;
  while (!missing_.empty() && missing_.front().offset <= received) missing_.pop_front();
  if (missing_.empty() && received < end_) missing_.push_back({end_, last_fed_});
}

// About as much as ought to have come.
void OpenBody::asked(Time now) noexcept {
  if (missing_.empty()) return;
  auto offset = missing_.front().offset;
  for (const auto& mark : missing_)
    if (mark.since + due_after() <= now) offset = mark.offset;
  question_ = Mark{offset, now};
}

void OpenBody::told(std::uint64_t received, Time now) noexcept {
  acknowledged(received);
  const auto question = std::exchange(question_, std::nullopt);
  if (!question || over_ || ending_) return;
  if (received >= question->offset) {
    // Edges there are that carry nothing up any more once the answer has begun.
    const bool proves = mode_ == Mode::stream_up || (head_at_ && question->offset > *head_at_);
    if (!proves) return;
    trial_ = false;
    modes_.passed(mode_, now);
  } else if (received < from_) {
    if (!missing_.empty())
      missing_.front().since = now;  // not its fault: what was before it has not come either
  } else {
    held_back_ = true;
    // What was asked may have overtaken the beginning of a request, which waits for a connection of the
    // edge's.
    if (std::exchange(trial_, false) && received == from_)
      modes_.failed(mode_, now);
    else
      modes_.held_back(mode_, now);
  }
}

void OpenBody::untold(Time now) noexcept {
  question_.reset();
  if (!missing_.empty()) missing_.front().since = now;
  if (!std::exchange(untold_, true) || !trial_ || over_ || ending_) return;
  held_back_ = true;  // as far as can be told
  trial_ = false;
  modes_.failed(mode_, now);
}

void OpenBody::ending(Time now) noexcept {
  if (!ending_) ending_ = now;
}

void OpenBody::dropped() noexcept {
  if (!std::exchange(over_, true) && trial_) modes_.end_trial(mode_);
}

void OpenBody::closed() noexcept {
  if (over_) return;
  dropped();
  modes_.lived(mode_);
}

void OpenBody::lost(Time now) noexcept {
  if (over_) return;
  dropped();
  modes_.died(mode_, now);
}

void OpenBody::gave_up(Time now) noexcept {
  if (over_) return;
  over_ = true;
  if (held_back_) return;
  if (owed_since_ && now >= owed_until())
    modes_.held_back(mode_, now);
  else
    modes_.failed(mode_, now);
}

void OpenBody::broke(Time now) noexcept {
  if (!std::exchange(over_, true)) modes_.failed(mode_, now);
}

OpenBody::Time OpenBody::head_until() const noexcept {
  const auto twice = 2 * modes_.round_trip();
  return *begun_ + twice + (trial_ ? kTrialHeadSlack : kHeadLimit);
}

OpenBody::Time OpenBody::owed_until() const noexcept {
  return *owed_since_ + due_after();
}

OpenBody::Duration OpenBody::due_after() const noexcept {
  const auto twice = 2 * modes_.round_trip() + paced(kTrialSlack);
  return trial_ ? twice : std::max<Duration>(twice, kDue);
}

OpenBody::Time OpenBody::ask_at() const noexcept {
  const auto since = missing_.front().since;
  if (trial_) return since + due_after();
  const auto after = since + std::max<Duration>(due_after(), paced(kAskAfter));
  return std::min(std::max(after, modes_.last_passed(mode_) + paced(kAskAgain)),
                  std::max(after, since + paced(kAskLatest)));
}

OpenBody::Time OpenBody::tell_until() const noexcept {
  return question_->since + (trial_ ? 2 * modes_.round_trip() + kTrialTellSlack : kTellLimit);
}

OpenBody::Due OpenBody::due() const noexcept {
  if (over_ || !begun_) return {};
  if (held_back_) return {Step::give_up, Time::min()};
  Due first;
  const auto consider = [&first](Step step, Time when) {
    if (when < first.when) first = {step, when};
  };
  if (headless()) consider(Step::give_up, head_until());
  if (stuck_since_) consider(Step::give_up, *stuck_since_ + kStuckLimit);
  if (owed_since_) consider(Step::give_up, owed_until());
  if (question_) consider(Step::give_up, tell_until());
  if (ending_) {
    consider(Step::give_up, *ending_ + kEndLimit);
    return first;
  }
  if (room() == 0) return {Step::end, Time::min()};
  if (question_) return first;  // an end would bring to the bridge what is held back now
  consider(Step::end, *begun_ + paced(kMostAge));
  if (missing_.empty()) return first;
  consider(Step::ask, ask_at());
  if (mode_ == Mode::stream_up && !trial_) consider(Step::end, last_fed_ + paced(kQuiet));
  return first;
}

}  // namespace surang::fronted
