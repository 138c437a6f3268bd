// Somebody who browses for days in a simulated network, and what is written down meanwhile: what the client
// believed and what was true, hour by hour and visit by visit.
#pragma once

#include "client/detection/verdict_store.hpp"
#include "tests/bench/judge/report.hpp"
#include "tests/bench/judge/simulated_network.hpp"

namespace surang::judge {

struct Browsing {
  Clock::duration time = std::chrono::hours(24);
  Clock::duration between_visits = std::chrono::minutes(10);  ///< to one site, on average
};

/// Runs to the end of `browsing.time`.
asio::awaitable<Tally> browse(SimulatedNetwork& network, client::Router& router, client::VerdictStore& store,
                              Browsing browsing);

}  // namespace surang::judge
