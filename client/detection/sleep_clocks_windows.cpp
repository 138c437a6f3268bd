// clang-format off: windows.h must come before the others
#include <realtimeapiset.h>
#include <windows.h>
// clang-format on

#include "client/detection/sleep_detector.hpp"

namespace surang::client {
namespace {

using Ticks = std::chrono::duration<ULONGLONG, std::ratio<1, 10'000'000>>;

std::chrono::nanoseconds read(ULONGLONG ticks) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Ticks(ticks));
}

}  // namespace

SleepClocks read_sleep_clocks() {
  ULONGLONG awake = 0, all = 0, after = 0;
  // Read close together: whoever was kept from the processor in between has not slept.
  do {
    QueryUnbiasedInterruptTime(&awake);
    QueryInterruptTime(&all);
    QueryUnbiasedInterruptTime(&after);
  } while (read(after - awake) > std::chrono::seconds(1));
  return {read(awake), read(all)};
}

}  // namespace surang::client
