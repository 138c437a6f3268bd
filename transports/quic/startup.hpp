// Whether BBR's Startup is still about something. ngtcp2 0.12 lets its window grow but between two losses, so
// that some loss by chance looks like a full pipe, and a session would crawl up to its path's rate for a
// minute. Pure; used by ngtcp2_compat.
#pragma once

#include <ngtcp2/ngtcp2.h>

namespace surang::quic {

class Startup {
 public:
  /// What ngtcp2 says at `now`: rates in bytes a nanosecond. True: it is not over, nothing has queued up on
  /// the path, and what is delivered has grown by a quarter within eight round trips, which bounds it where a
  /// path drops and never queues.
  bool goes_on(double pacing, double delivered, ngtcp2_duration rtt, ngtcp2_duration least_rtt,
               ngtcp2_tstamp now) noexcept {
    over_ = over_ || pacing < paced_;
    paced_ = pacing;
    if (over_ || delivered <= 0) return false;
    if (delivered >= 1.25 * best_) {
      best_ = delivered;
      since_ = now;
    }
    return now - since_ < 8 * least_rtt && rtt - least_rtt < least_rtt / 8;
  }
  /// Before that BBR never paces slower than it did.
  bool over() const noexcept { return over_; }

 private:
  double paced_ = 0, best_ = 0;
  ngtcp2_tstamp since_ = 0;
  bool over_ = false;
};

}  // namespace surang::quic
