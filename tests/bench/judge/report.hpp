// What a simulated life was worth: what the client believed and what was true, counted, printed, and held
// against the limits.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/judge/simulated_network.hpp"

namespace surang::judge {

/// Of one network or, added up, of many.
struct Tally {
  std::uint64_t visits = 0, failed_visits = 0;
  // Open sites: hours in which they were visited, and of those the ones in which they were held for blocked.
  std::uint64_t open_hours = 0, wrong_hours = 0;
  std::uint64_t flaky_hours = 0, wrong_flaky_hours = 0;  ///< of which the site itself is unreliable
  // Sites blocked on one family only: the same for hours in which the tunnel was held for the only way for
  // longer than one hour.
  std::uint64_t family_hours = 0, stuck_hours = 0;
  /// Visits by block ([0]: to open sites), by whether it held at that time, and by whether it was believed.
  std::array<std::array<std::array<std::uint64_t, 2>, 2>, kBlocks> matrix{};
  // First visits on a line known from before, to sites blocked there now as they were when it was left, and
  // those that began rightly.
  std::uint64_t returns = 0, right_returns = 0;
  // Blocked sites: visits made while a block lasted, from its third on (or behind two that it could be felt
  // in), and of those the ones that began directly.
  struct Kind {
    std::uint64_t blocks = 0, late_visits = 0, missed = 0;
    std::vector<double> convergence;  ///< seconds from the first visit of a block to the verdict
    std::vector<double> recovery;     ///< seconds from the end of a block to the end of the verdict
  };
  std::array<Kind, kBlocks> kinds;
  Traffic traffic;

  void add(const Tally& other);
};

/// One line.
void print_network(const Tally& tally, unsigned number, const Conditions& conditions);
/// The tables and PASS or FAIL for each limit; returns how many failed.
int report(const Tally& tally);

}  // namespace surang::judge
