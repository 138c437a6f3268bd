#include <ctime>

#include "client/detection/sleep_detector.hpp"

namespace surang::client {
namespace {

std::chrono::nanoseconds read(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

}  // namespace

SleepClocks read_sleep_clocks() {
  SleepClocks clocks;
  // Read close together: whoever was kept from the processor in between has not slept.
  do {
    clocks = {read(CLOCK_MONOTONIC), read(CLOCK_BOOTTIME)};
  } while (read(CLOCK_MONOTONIC) - clocks.awake > std::chrono::seconds(1));
  return clocks;
}

}  // namespace surang::client
