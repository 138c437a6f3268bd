// Somebody who browses for days in a simulated network, and what is written down meanwhile: what the client
// believed and what was true, hour by hour and visit by visit.
#pragma once

#include <array>

#include "client/detection/verdict_store.hpp"
#include "tests/bench/judge/simulated_network.hpp"

namespace surang::judge {

/// Of one network or, added up, of many.
struct Tally {
  std::uint64_t visits = 0, failed_visits = 0;
  // Open sites: hours in which they were visited, and of those the ones in which they were held for blocked.
  std::uint64_t open_hours = 0, wrong_hours = 0;
  std::uint64_t flaky_hours = 0, wrong_flaky_hours = 0;  ///< of which the site itself is unreliable
  // Blocked sites: visits made while a block lasted, from its third on, and of those the ones that began
  // directly.
  struct Kind {
    std::uint64_t blocks = 0, late_visits = 0, missed = 0;
    std::vector<double> convergence;  ///< seconds from the first visit of a block to the verdict
    std::vector<double> recovery;     ///< seconds from the end of a block to the end of the verdict
  };
  std::array<Kind, kBlocks> kinds;
  Traffic traffic;

  void add(const Tally& other);
};

struct Browsing {
  Clock::duration time = std::chrono::hours(24);
  Clock::duration between_visits = std::chrono::minutes(10);  ///< to one site, on average
};

/// Runs to the end of `browsing.time`.
asio::awaitable<Tally> browse(SimulatedNetwork& network, client::Router& router, client::VerdictStore& store,
                              Browsing browsing);

}  // namespace surang::judge
