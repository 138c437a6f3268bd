// One connection of a simulated browser: asks the Router for it, loads what it came for, and refuses a false
// certificate, as browsers do.
#pragma once

#include <string>

#include "client/routing/router.hpp"
#include "tests/bench/judge/simulated_network.hpp"

namespace surang::judge {

struct Loaded {
  bool whole = false;
  std::string way;  ///< that it went by; empty: none
  bool direct() const { return way == to_string(client::Way::direct); }
};

asio::awaitable<Loaded> load(SimulatedNetwork& network, client::Router& router, const Site& site,
                             std::size_t size);

}  // namespace surang::judge
