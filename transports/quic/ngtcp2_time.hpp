// Times as ngtcp2 has them: nanoseconds, of the steady clock.
#pragma once

#include <ngtcp2/ngtcp2.h>

#include <chrono>

namespace surang::quic {

inline ngtcp2_duration to_ngtcp2(std::chrono::steady_clock::duration d) {
  return static_cast<ngtcp2_duration>(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count());
}

inline std::chrono::steady_clock::time_point from_ngtcp2(ngtcp2_tstamp when) {
  using Clock = std::chrono::steady_clock;
  return Clock::time_point{std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(when))};
}

inline ngtcp2_tstamp now_in_ngtcp2() {
  return to_ngtcp2(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace surang::quic
