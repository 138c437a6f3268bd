// What a race has come to, written down step by step, for the tests of what it does next.
#pragma once

#include <vector>

#include "client/detection/hedge.hpp"

namespace surang::client::test {

using namespace std::chrono_literals;

/// A race in which time is written down, not waited for.
struct Script {
  std::vector<PlannedWay> plan{{Way::direct, StartWhen::at_once},
                               {Way::direct_encrypted_dns, StartWhen::on_dns_doubt},
                               {Way::tunnel, StartWhen::hedge}};
  std::vector<std::size_t> started;
  std::vector<AttemptView> attempts;
  Clock::time_point t0{};
  HedgeLimits limits;
  bool replayable = true;

  AttemptView& add(std::size_t index, Clock::duration at) {
    started.push_back(index);
    AttemptView view;
    view.way = plan[index].way;
    view.begun = view.last_life = t0 + at;
    return attempts.emplace_back(view);
  }
  Step at(Clock::duration now) {
    return next_step(plan, started, attempts, replayable, limits, t0 + 20s, t0 + now);
  }
};

}  // namespace surang::client::test
