// Makes up networks at random: what lines, which sites, and who is kept away how and when.
#pragma once

#include <random>

#include "tests/bench/judge/simulated_sites.hpp"

namespace surang::judge {

/// For `whole` seconds, as network `number` of a run.
Conditions make_conditions(std::mt19937& random, unsigned number, double whole);
std::vector<Site> make_sites(std::mt19937& random, unsigned number, double whole,
                             const Conditions& conditions);

}  // namespace surang::judge
