// Evidence in, verdict out. Pure: every time is given. The rule is contrast (DETECTION.md): direct failed,
// another way worked for the same host at the same time, and the network itself was alive.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "client/detection/verdict.hpp"

namespace surang::client {

/// How this network fares, from every connection. Not about any one host.
class NetworkHealth {
 public:
  void direct_worked(Clock::time_point now);
  void direct_failed(Clock::time_point now, std::string domain);
  void tunnel_worked(Clock::time_point now);
  void tunnel_failed(Clock::time_point now);
  void link(bool up) noexcept { link_ = up; }
  /// Another network: what was seen on the last one says nothing.
  void forget();

  /// Something answered within the last 10 s.
  bool alive(Clock::time_point now) const;
  /// No link, or three unrelated domains failed directly within 5 s and nothing worked directly since. What
  /// the tunnel carries meanwhile does not clear that: it comes back first when an outage ends.
  bool suspect(Clock::time_point now) const;
  /// The same, the link aside.
  bool failing(Clock::time_point now) const;
  /// Extra dials should be sparse: an outage, seen from here. Not while the tunnel works.
  bool outage(Clock::time_point now) const;

 private:
  struct Failure {
    Clock::time_point at;
    std::string domain;
  };
  std::deque<Failure> failures_;  // at most 64, newest last
  std::optional<Clock::time_point> direct_ok_, tunnel_ok_, tunnel_bad_;
  bool link_ = true;
};

struct Contrast {
  Signal direct = Signal::none;  ///< how direct failed; none: it did not fail
  bool other_worked = false;     ///< the other way gave a validated answer for the same host
  Way other = Way::tunnel;
  bool network_alive = false;
  bool network_suspect = false;
  bool same_network = true;  ///< the network did not change in between
};

enum class Ruling {
  convict,
  not_failed,
  no_contrast,
  says_nothing,
  network_dead,
  network_suspect,
  network_changed
};

Ruling rule_on(const Contrast& contrast) noexcept;
std::string_view describe(Ruling ruling) noexcept;

/// 2 min, 10 min, 1 h, 6 h, 24 h for the default first expiry; others keep the proportions up to 24 h.
std::chrono::seconds expiry_after(int step, std::chrono::seconds first) noexcept;

/// A fresh verdict, or the renewal of `before` (expired or not) one step further.
Verdict convict(const std::optional<Verdict>& before, Verdict fresh, UnixSeconds now,
                std::chrono::seconds first);

}  // namespace surang::client
