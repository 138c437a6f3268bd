// Copies between two Streams both ways until both directions ended, one failed, or nothing moved for too
// long. When both ends are plain TCP on Linux the bytes never leave the kernel (tcp/splice_relay).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "transports/core/stream.hpp"

namespace surang {

/// Bytes that passed, readable while the relay runs. `a` is the first Stream given to relay().
struct RelayCounters {
  std::atomic<std::uint64_t> a_to_b{0};
  std::atomic<std::uint64_t> b_to_a{0};
};

struct RelayOptions {
  /// No byte in either direction for this long ends the relay: 2 h 4 min, no sooner than a NAT may (RFC 5382
  /// REQ-5).
  std::chrono::seconds idle_limit{7440};
  /// The same once one direction has ended (a half-open connection).
  std::chrono::seconds half_open_limit{300};
  RelayCounters* counters = nullptr;  ///< optional, the caller's
};

enum class RelayEnd { clean, idle, a_failed, b_failed };

struct RelayOutcome {
  RelayEnd end = RelayEnd::clean;
  error_code error;  ///< what failed, for a_failed and b_failed
};

/// Both Streams are closed when it returns; with a reset towards the one side when the other failed, after
/// what that one had sent before has been brought over. A cancellation resets both. The limits are looked
/// at eight times in the shorter one, so a relay ends up to a quarter of that late. The caller keeps `a` and
/// `b` alive.
asio::awaitable<RelayOutcome> relay(Stream& a, Stream& b, RelayOptions options);

}  // namespace surang
