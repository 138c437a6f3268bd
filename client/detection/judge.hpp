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
  void link(bool up) noexcept;
  /// Who answers on this network is not known yet, or is a captive portal: what is seen teaches nothing.
  void uncertain(bool now) noexcept { uncertain_ = now; }
  /// The same until a point in time, as just after a sleep. Neither is forgotten with the rest.
  void hold_until(Clock::time_point when) noexcept { held_until_ = when; }
  /// Another network: what was seen on the last one says nothing.
  void forget();

  /// Something answered within the last 10 s.
  bool alive(Clock::time_point now) const;
  /// Uncertain, or held.
  bool held(Clock::time_point now) const noexcept { return uncertain_ || now < held_until_; }
  /// No link, held, or three unrelated domains failed directly within 5 s and nothing worked directly since.
  /// What the tunnel carries meanwhile does not clear that: it comes back first when an outage ends.
  bool suspect(Clock::time_point now) const;
  /// The last of these alone.
  bool failing(Clock::time_point now) const;
  /// Dials should be sparse: an outage, seen from here. Once noticed it lasts until something works. Never
  /// while the tunnel does.
  bool outage(Clock::time_point now);
  /// For how long the outage has been known.
  Clock::duration outage_for(Clock::time_point now) const;

 private:
  struct Failure {
    Clock::time_point at;
    std::string domain;
  };
  std::deque<Failure> failures_;  // at most 64, newest last
  std::optional<Clock::time_point> direct_ok_, tunnel_ok_, tunnel_bad_, outage_since_;
  bool link_ = true, uncertain_ = false;
  Clock::time_point held_until_{};
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
  network_changed,
  not_sure  ///< may be chance: to be looked at once more
};

Ruling rule_on(const Contrast& contrast) noexcept;
std::string_view describe(Ruling ruling) noexcept;

/// 2 min, 10 min, 1 h, 6 h, 24 h for the default first expiry; others keep the proportions up to 24 h.
std::chrono::seconds expiry_after(int step, std::chrono::seconds first) noexcept;

/// How long until direct is tried again by a flight of our own, after `in_vain` such tries: 90 s, growing to
/// 10 min for the default first expiry, give or take a fifth by `salt`, so that a network's verdicts do not
/// come due together.
std::chrono::seconds probe_after(int in_vain, std::chrono::seconds first, std::string_view salt);

/// A fresh verdict, or the renewal of `before` (expired or not) one step further; after a day of peace the
/// first step again.
Verdict convict(const std::optional<Verdict>& before, Verdict fresh, UnixSeconds now,
                std::chrono::seconds first);

}  // namespace surang::client
