#include "client/detection/sleep_detector.hpp"

namespace surang::client {

bool SleepDetector::slept(const SleepClocks& now, std::chrono::nanoseconds gap) {
  const auto asleep = now.all - now.awake;
  if (asleep_ && asleep - *asleep_ < gap && asleep >= *asleep_) return false;
  const bool jumped = asleep_ && asleep > *asleep_;
  asleep_ = asleep;
  return jumped;
}

}  // namespace surang::client
