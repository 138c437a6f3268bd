// How far each host is believed to be blocked on this network. A score, not a counter: the log odds of
// "blocked", moved by each contrast of a direct failure with another way's success (a sequential test for a
// change, Page 1954), weighed by how often the host and the network fail by chance (decaying Beta
// distributions), and fading with time. Pure; used by learner.
#pragma once

#include <map>
#include <string>

#include "client/detection/signals.hpp"

namespace surang::client {

/// Share of failures among what was seen, newer things counting more.
class FailureRate {
 public:
  /// `strength` observations with a share of `prior` stand before the first.
  FailureRate(double prior, double strength)
      : fails_(prior * strength), works_(strength - fails_), strength_(strength), prior_(prior) {}
  void add(double works, double fails, Clock::time_point now);
  double share(Clock::time_point now) const;

 private:
  void fade(Clock::time_point now);
  double fails_, works_, strength_, prior_;
  Clock::time_point at_{};
};

class BeliefBook {
 public:
  /// Direct served `host`: what had failed before it failed by chance.
  void worked(const std::string& host, Clock::time_point now);
  /// Direct failed so and worked right afterwards, or nothing else worked either: the host or the network
  /// does that.
  void failed_by_chance(const std::string& host, Signal signal, Clock::time_point now);
  /// Direct failed so, `times` in a row, and another way answered. True: it is blocked, beyond chance.
  bool failed(const std::string& host, Signal signal, int times, Clock::time_point now);
  /// Whether one more failure would suffice.
  bool nearly_sure(const std::string& host, Signal signal, Clock::time_point now) const;
  /// Direct works again; the next block is believed sooner. `at_once`: at the first try since it was
  /// convicted, as one that was never blocked would.
  void acquitted(const std::string& host, bool at_once, Clock::time_point now);
  /// Blocked a while ago: worth a second way sooner than others.
  bool suspicious(const std::string& host, Clock::time_point now) const;

 private:
  struct Host {
    double score = 0;
    Clock::time_point at{};
    int quick = 0, silent = 0;  ///< failures since it last worked
    int convicting = 0;         ///< failures that led to the last verdict
    FailureRate rate{kHostPrior, kHostStrength};
  };
  static constexpr double kHostPrior = 0.01, kHostStrength = 10;
  static constexpr double kNetworkPrior = 0.005, kNetworkStrength = 40;

  double weight(const Host* host, Signal signal, Clock::time_point now) const;
  static double faded(const Host& host, Clock::time_point now);
  Host& entry(const std::string& host, Clock::time_point now);

  std::map<std::string, Host> hosts_;
  FailureRate quick_{kNetworkPrior, kNetworkStrength}, silent_{kNetworkPrior, kNetworkStrength};
};

/// Seen once, chance or the site itself cannot have done it: it needs no second look.
bool is_proof(Signal signal) noexcept;

}  // namespace surang::client
