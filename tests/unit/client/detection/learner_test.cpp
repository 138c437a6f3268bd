// What the Learner keeps of one network while it is on another.
#include "client/detection/learner.hpp"

#include <doctest.h>

using namespace surang::client;

namespace {

Attempt attempt(Way way, Outcome outcome, Signal signal = Signal::none) {
  Attempt a(way, Clock::now());
  a.ended = Clock::now();
  a.view.outcome = outcome;
  a.view.signal = signal;
  return a;
}

}  // namespace

TEST_CASE("what is believed of a host on one network says nothing on another, and is known again on return") {
  VerdictStore store({});
  NetworkIdentity here{"home", true};
  Learner learner(
      store, std::chrono::seconds(120), [&here] { return &here; }, nullptr);
  const auto then = learner.stay();
  learner.saw("open.example", attempt(Way::direct, Outcome::validated));
  const auto failed = attempt(Way::direct, Outcome::failed, Signal::tls_rst);
  const auto worked = attempt(Way::tunnel, Outcome::validated);
  CHECK(learner.conclude("x.example", 443, failed, &worked, then) == Ruling::not_sure);
  CHECK(learner.suspicious("x.example"));
  for (int i = 0; i < 40; ++i) {
    here.id = "abroad" + std::to_string(i % 8);
    CHECK(!learner.still_on(then));
    CHECK(!learner.suspicious("x.example"));
  }
  here.id = "home";
  CHECK(!learner.still_on(then));  // another stay
  CHECK(learner.suspicious("x.example"));
  // The same network, whose gateway is known now.
  here.provisional = std::exchange(here.id, "home and its gateway");
  const auto stay = learner.stay();
  CHECK(learner.suspicious("x.example"));
  CHECK(learner.conclude("x.example", 443, failed, &worked, then) == Ruling::network_changed);
  CHECK(learner.conclude("x.example", 443, failed, &worked, stay) != Ruling::network_changed);
}
