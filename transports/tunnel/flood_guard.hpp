// Counts the frames that cost us something and bring the peer nothing: resets (CVE-2023-44487), PINGs,
// SETTINGS, empty DATA and frames without a use. Pure; the caller brings the time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace surang::tunnel {

class FloodGuard {
 public:
  enum class Kind : std::uint8_t { reset, ping, settings, empty_data, useless, continuation };
  static constexpr std::size_t kKinds = 6;

  struct Limits {  ///< a minute; 0: no limit
    std::uint32_t resets = 0, pings = 0, settings = 0, empty_data = 0, useless = 0, continuations = 0;
  };

  explicit FloodGuard(const Limits& limits)
      : limits_{limits.resets,     limits.pings,   limits.settings,
                limits.empty_data, limits.useless, limits.continuations} {}

  /// False when this one is too many.
  bool admit(Kind kind, std::chrono::steady_clock::time_point now) {
    if (now - minute_ >= std::chrono::minutes(1)) {
      minute_ = now;
      seen_ = {};
    }
    const auto i = static_cast<std::size_t>(kind);
    return ++seen_[i] <= limits_[i] || limits_[i] == 0;
  }

 private:
  std::array<std::uint32_t, kKinds> limits_;
  std::array<std::uint32_t, kKinds> seen_{};
  std::chrono::steady_clock::time_point minute_{};
};

}  // namespace surang::tunnel
