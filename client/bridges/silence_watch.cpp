#include "client/bridges/silence_watch.hpp"

#include <algorithm>

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr SilenceWatch::Clock::duration kUnknownRtt = 200ms, kLongestRtt = 2s, kGrace = 250ms;
constexpr int kCalmest = 32;

}  // namespace

// For one answer: the PING leaves after one such time, and what has not come after two of them is missed.
SilenceWatch::Clock::duration SilenceWatch::patience() const {
  return rtt_ + kGrace;
}

bool SilenceWatch::used(Clock::time_point now, Clock::time_point heard, Clock::duration rtt) {
  if (heard > asked_ || !watching_) {
    asked_ = now;
    rtt_ = rtt > Clock::duration::zero() ? std::min(rtt, kLongestRtt) : kUnknownRtt;
  }
  if (watching_) return false;
  watching_ = true;
  pinged_ = answered_ = {};
  borne_ = false;
  calm_ = 1;
  next_ = asked_ + patience();
  return true;
}

SilenceWatch::Step SilenceWatch::look(Clock::time_point now, Clock::time_point heard,
                                      Clock::time_point waiting) {
  if (!watching_) return Step::rest;
  if (pinged_ != Clock::time_point{}) {
    if (now < next_) return Step::wait;
    if (heard < pinged_) {
      watching_ = false;
      return Step::suspect;
    }
    pinged_ = {};
    borne_ = false;
    answered_ = now;
    calm_ = std::min(calm_ * 2, kCalmest);
  }
  const bool owed = heard <= asked_, awaited = waiting != Clock::time_point{};
  if (!owed && !awaited) {
    watching_ = false;
    return Step::rest;
  }
  next_ = Clock::time_point::max();
  if (owed) next_ = asked_ + patience();
  // Whoever uses it all the while does not put this off.
  if (awaited) next_ = std::min(next_, std::max(waiting, answered_) + calm_ * patience());
  if (now < next_) return Step::wait;
  pinged_ = now;
  next_ = now + patience();
  return Step::ask;
}

bool SilenceWatch::bear(Clock::time_point now) {
  if (borne_) return false;
  borne_ = watching_ = true;
  next_ = std::max(now, pinged_ + 4 * rtt_ + 1500ms);
  return true;
}

}  // namespace surang::client
