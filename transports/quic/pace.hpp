// From when the packets count that have left, where ngtcp2 is to be told (0.12; 1.x sees to it by itself). It
// lets them go a millisecond before their time, and they are many a millisecond: counted from when they left,
// the pace would be a much higher one, and its excess be lost in some queue. Pure; used by ngtcp2_compat.
#pragma once

#include <ngtcp2/ngtcp2.h>

#include <algorithm>
#include <cstddef>

namespace surang::quic {

class Pace {
 public:
  /// `sent` bytes have left at `now`, where a nanosecond has room for `rate` of them, and count from what is
  /// returned. `more`: nothing but the pace holds back what is to follow. Who is then woken late makes up for
  /// it, within bounds; who had nothing to send has nothing to make up for. `room`: less is in flight than
  /// the path holds, so that nothing queues; what was sent early is no debt then, for BBR lets what a loss or
  /// a late wake-up took from it come back only in the short times between two recoveries.
  ngtcp2_tstamp sent(std::size_t sent, bool more, bool room, ngtcp2_tstamp now, double rate) noexcept {
    const auto due = std::max(until_, more_ ? now - std::min(now, kMostLate) : now);
    const auto from = room ? std::min(due, now) : due;
    until_ = rate > 0 ? from + static_cast<ngtcp2_duration>(static_cast<double>(sent) / rate) : 0;
    more_ = more;
    return from;
  }
  /// Nothing was to be sent at `now`.
  void rest(ngtcp2_tstamp now) noexcept {
    if (now >= until_) more_ = false;
  }

 private:
  static constexpr ngtcp2_duration kMostLate = 10 * NGTCP2_MILLISECONDS;
  ngtcp2_tstamp until_ = 0;
  bool more_ = false;
};

}  // namespace surang::quic
