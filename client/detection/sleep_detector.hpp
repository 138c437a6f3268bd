// Tells that the computer has slept: two clocks, of which one stands still meanwhile. The wall clock is not
// asked, since people set it. NetworkWatch feeds it. Pure, but for read_sleep_clocks.
#pragma once

#include <chrono>
#include <optional>

namespace surang::client {

/// Since some moment of the past. Only differences mean something.
struct SleepClocks {
  std::chrono::nanoseconds awake{};  ///< stands still while the computer sleeps
  std::chrono::nanoseconds all{};    ///< does not
};
/// CLOCK_MONOTONIC and CLOCK_BOOTTIME, or the interrupt times of Windows (sleep_clocks_linux.cpp,
/// _windows.cpp).
SleepClocks read_sleep_clocks();

class SleepDetector {
 public:
  /// Whether the computer has slept for `gap` or longer since it was last asked. Shorter naps add up.
  bool slept(const SleepClocks& now, std::chrono::nanoseconds gap = std::chrono::seconds(5));

 private:
  std::optional<std::chrono::nanoseconds> asleep_;  // time slept, by the last jump
};

}  // namespace surang::client
