// How often one user may ask what a destination is like from the bridge: a bucket that fills with time
// (GCRA). Thread safe without a lock, since a user's sessions are on several workers; the caller brings the
// time.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace surang::bridge {

class QuestionLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::int64_t kBurst = 40;                           ///< at once
  static constexpr Clock::duration kPeriod = std::chrono::seconds(1);  ///< one more after each

  /// False when this one is too many.
  bool admit(Clock::time_point now) noexcept {
    const std::int64_t at = now.time_since_epoch().count(), period = kPeriod.count();
    auto before = spent_until_.load(std::memory_order_relaxed);
    for (;;) {
      const auto after = std::max(before, at) + period;
      if (after - at > kBurst * period) return false;
      if (spent_until_.compare_exchange_weak(before, after, std::memory_order_relaxed)) return true;
    }
  }

 private:
  std::atomic<std::int64_t> spent_until_{0};  // when all that was taken will have flown back
};

}  // namespace surang::bridge
