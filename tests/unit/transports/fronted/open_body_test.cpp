// When an open body asks, ends and is given up, and what that makes of the edge.
#include "transports/fronted/open_body.hpp"

#include <doctest.h>

#include <memory>

using namespace surang::fronted;
using namespace std::chrono_literals;
using Step = OpenBody::Step;
using Standing = EdgeModes::Standing;
using Time = EdgeModes::Time;

namespace {

constexpr Time kStart = Time(1h);

// An edge that answers after 100 ms, and works in `works`.
struct World {
  explicit World(std::initializer_list<Mode> works = {}) {
    modes.answered_after(100ms, kStart - 1min);
    for (const auto mode : works) modes.passed(mode, kStart - 1min);
  }
  OpenBody& open(Mode mode, std::uint64_t from = 1000) {
    body = std::make_unique<OpenBody>(modes, mode, from, kStart);
    body->asked_for(kStart);
    return *body;
  }
  Standing standing(Mode mode, Time now = kStart + 1s) const { return modes.standing(mode, now); }
  EdgeModes modes;
  std::unique_ptr<OpenBody> body;
};

bool is(const OpenBody::Due& due, Step step, EdgeModes::Clock::duration after) {
  return due.step == step && due.when == kStart + after;
}

}  // namespace

TEST_CASE("an edge is of no mode before an answer, then to be tried by one at a time, in order") {
  EdgeModes modes;
  CHECK(modes.standing(Mode::stream_up, kStart) == Standing::shut);
  modes.answered_after(200ms, kStart - 5s);
  CHECK(modes.standing(Mode::stream_up, kStart - 1ms) == Standing::shut);
  CHECK(modes.round_trip() == 200ms);
  modes.answered_after(1000ms, kStart);
  CHECK(modes.round_trip() == 300ms);
  CHECK(modes.standing(Mode::stream_up, kStart) == Standing::untried);
  CHECK(modes.standing(Mode::stream_one, kStart) == Standing::shut);
  {
    const OpenBody trial(modes, Mode::stream_up, 0, kStart);
    CHECK(modes.standing(Mode::stream_up, kStart) == Standing::shut);
  }
  CHECK(modes.standing(Mode::stream_up, kStart) == Standing::untried);
  modes.passed(Mode::stream_up, kStart);
  CHECK(modes.standing(Mode::stream_up, kStart) == Standing::open);
  CHECK(modes.standing(Mode::stream_one, kStart) == Standing::untried);
  modes.passed(Mode::stream_one, kStart);
  CHECK(modes.standing(Mode::stream_one, kStart) == Standing::open);

  // Held back for one is held back for both, and nothing that was asked earlier takes it back.
  modes.held_back(Mode::stream_up, kStart);
  modes.passed(Mode::stream_up, kStart + 1s);
  CHECK(modes.standing(Mode::stream_up, kStart + 59min) == Standing::shut);
  CHECK(modes.standing(Mode::stream_one, kStart + 59min) == Standing::shut);
  CHECK(modes.standing(Mode::stream_up, kStart + 60min) == Standing::untried);
  modes.failed(Mode::stream_up, kStart + 60min);
  CHECK(modes.standing(Mode::stream_up, kStart + 64min) == Standing::shut);
  CHECK(modes.standing(Mode::stream_up, kStart + 65min) == Standing::untried);
}

TEST_CASE("a trial asks after two round trips; bytes that have come make the mode") {
  World w;
  auto& body = w.open(Mode::stream_up);
  CHECK(is(body.due(), Step::end, 20s));
  body.fed(10, kStart + 1s);
  CHECK(is(body.due(), Step::ask, 1250ms));
  body.fed(10, kStart + 1200ms);  // the first that is missing counts
  CHECK(is(body.due(), Step::ask, 1250ms));
  body.asked(kStart + 1250ms);
  CHECK(is(body.due(), Step::give_up, 2450ms));
  SUBCASE("they have come") {
    body.told(1010, kStart + 1350ms);
    CHECK(w.standing(Mode::stream_up) == Standing::open);
    CHECK(w.modes.last_passed(Mode::stream_up) == kStart + 1350ms);
    CHECK(is(body.due(), Step::end, 4200ms));  // what is left has no hurry
  }
  const auto goes_without = [&](std::uint64_t received, EdgeModes::Clock::duration rest) {
    body.told(received, kStart + 1350ms);
    CHECK((body.due().step == Step::give_up && body.due().when < kStart));
    body.gave_up(kStart + 1350ms);
    CHECK(body.due().when == Time::max());
    CHECK(w.standing(Mode::stream_up, kStart + rest) == Standing::shut);
    CHECK(w.standing(Mode::stream_up, kStart + rest + 2s) == Standing::untried);
  };
  SUBCASE("none of them has: everything goes another way, for some minutes") {
    goes_without(1000, 5min);
  }
  SUBCASE("the first has, and then nothing: for an hour") {
    goes_without(1001, 1h);
  }
  SUBCASE("what was before has not come either: asked again") {
    body.told(999, kStart + 1350ms);
    CHECK(is(body.due(), Step::ask, 1600ms));
    CHECK(w.standing(Mode::stream_up) == Standing::shut);
  }
  SUBCASE("no answer in time: some minutes without") {
    body.gave_up(kStart + 2450ms);
    CHECK(w.standing(Mode::stream_up, kStart + 5min) == Standing::shut);
    CHECK(w.standing(Mode::stream_up, kStart + 6min) == Standing::untried);
  }
  SUBCASE("a question that failed by itself is asked again") {
    body.untold(kStart + 1300ms);
    CHECK(is(body.due(), Step::ask, 1550ms));
    body.asked(kStart + 1550ms);
    body.untold(kStart + 1600ms);  // and not for ever
    CHECK((body.due().step == Step::give_up && body.due().when < kStart));
    body.gave_up(kStart + 1600ms);
    CHECK(w.standing(Mode::stream_up, kStart + 5min) == Standing::shut);
    CHECK(w.standing(Mode::stream_up, kStart + 6min) == Standing::untried);
  }
  SUBCASE("the edge breaks it: some minutes without") {
    body.broke(kStart + 1300ms);
    CHECK(w.standing(Mode::stream_up, kStart + 5min) == Standing::shut);
    CHECK(w.standing(Mode::stream_up, kStart + 6min) == Standing::untried);
  }
  SUBCASE("it ends before the answer: nothing is known, whatever that says") {
    body.ending(kStart + 1300ms);
    CHECK(body.room() == 0);
    CHECK(is(body.due(), Step::give_up, 2450ms));
    body.closed();
    body.told(1000, kStart + 1350ms);
    CHECK(body.due().when == Time::max());
    CHECK(w.standing(Mode::stream_up) == Standing::untried);
  }
}

TEST_CASE("a body of an edge that is known ends when it is full, old, or quiet with bytes that are missing") {
  World w{Mode::stream_up};
  auto& body = w.open(Mode::stream_up, 5);
  CHECK(is(body.due(), Step::end, 20s));
  body.fed(100, kStart + 1s);
  CHECK(is(body.due(), Step::ask, 3s));
  CHECK(body.room() == 999900);
  SUBCASE("full") {
    body.fed(999900, kStart + 2s);
    CHECK(body.room() == 0);
    CHECK((body.due().step == Step::end && body.due().when < kStart));
  }
  SUBCASE("quiet; another has shown a moment ago that bytes come") {
    w.modes.passed(Mode::stream_up, kStart + 1500ms);
    CHECK(is(body.due(), Step::end, 4s));
    body.fed(100, kStart + 3s);
    CHECK(is(body.due(), Step::ask, 4500ms));
    w.modes.passed(Mode::stream_up, kStart + 5s);
    CHECK(is(body.due(), Step::end, 6s));
  }
  SUBCASE("whatever others have seen, nothing is missing for long unasked") {
    for (int i = 1; i <= 30; ++i) {
      body.fed(1, kStart + i * 1s);
      w.modes.passed(Mode::stream_up, kStart + i * 1s);
    }
    CHECK(is(body.due(), Step::ask, 7s));
  }
  SUBCASE("acknowledged by whatever answer: open until it is old") {
    body.acknowledged(104);
    CHECK(is(body.due(), Step::ask, 3s));
    body.fed(50, kStart + 2s);
    body.acknowledged(105);
    CHECK(is(body.due(), Step::ask, 4s));
    body.acknowledged(155);
    CHECK(is(body.due(), Step::end, 20s));
  }
  SUBCASE("a change of mind is found by the question") {
    body.asked(kStart + 3s);
    CHECK(is(body.due(), Step::give_up, 15s));
    body.told(60, kStart + 3100ms);
    CHECK((body.due().step == Step::give_up && body.due().when < kStart));
    CHECK(w.standing(Mode::stream_up, kStart + 30min) == Standing::shut);
  }
  SUBCASE("an end that does not get onto the connection") {
    body.ending(kStart + 2s);
    CHECK(is(body.due(), Step::give_up, 17s));
    body.closed();
    CHECK(body.due().when == Time::max());
    CHECK(w.standing(Mode::stream_up) == Standing::open);
  }
}

TEST_CASE("a mode whose connections die one after the other rests, longer each time") {
  World w{Mode::stream_up};
  const auto die = [&w](Time now) { w.open(Mode::stream_up).lost(now); };
  for (int i = 0; i < 2; ++i) die(kStart + i * 2s);
  for (int i = 0; i < 9; ++i) die(kStart + 2s);  // of the same connection
  CHECK(w.standing(Mode::stream_up) == Standing::open);
  w.open(Mode::stream_up).ending(kStart);
  w.body->closed();  // one that came to its end
  for (int i = 0; i < 2; ++i) die(kStart + 4s + i * 2s);
  w.open(Mode::stream_up).ending(kStart);
  w.body->dropped();  // says nothing
  CHECK(w.standing(Mode::stream_up) == Standing::open);
  die(kStart + 8s);
  CHECK(w.standing(Mode::stream_up, kStart + 5min) == Standing::shut);
  CHECK(w.standing(Mode::stream_up, kStart + 5min + 8s) == Standing::untried);
  die(kStart + 6min);
  CHECK(w.standing(Mode::stream_up, kStart + 16min - 1s) == Standing::shut);
  CHECK(w.standing(Mode::stream_up, kStart + 16min) == Standing::untried);
}

TEST_CASE("a two-way trial wants the answer's head soon, and then bytes that were written after it") {
  World w{Mode::stream_up};
  auto& body = w.open(Mode::stream_one);
  CHECK(is(body.due(), Step::give_up, 400ms));
  SUBCASE("no head: some minutes without") {
    body.gave_up(kStart + 400ms);
    CHECK(w.standing(Mode::stream_one, kStart + 5min) == Standing::shut);
    CHECK(w.standing(Mode::stream_one, kStart + 6min) == Standing::untried);
    CHECK(w.standing(Mode::stream_up) == Standing::open);
  }
  SUBCASE("it is in vain before the head, and not for the head") {
    body.fed(10, kStart);
    body.broke(kStart + 10ms);
    CHECK(w.standing(Mode::stream_one, kStart + 6min) == Standing::untried);
  }
  SUBCASE("head, and bytes on both sides of it") {
    body.fed(10, kStart);
    body.answer_began();
    CHECK(is(body.due(), Step::ask, 250ms));
    body.asked(kStart + 250ms);
    body.told(1010, kStart + 350ms);
    CHECK(w.standing(Mode::stream_one) == Standing::shut);  // not proved yet
    CHECK(is(body.due(), Step::end, 20s));
    body.fed(10, kStart + 1s);
    body.asked(kStart + 1250ms);
    SUBCASE("heard") {
      body.told(1020, kStart + 1350ms);
      CHECK(w.standing(Mode::stream_one) == Standing::open);
      body.fed(10, kStart + 2s);
      // Its end brings no acknowledgement.
      CHECK(is(body.due(), Step::ask, 4350ms));
    }
    SUBCASE("not heard: an edge that is deaf once it answers") {
      body.told(1010, kStart + 1350ms);
      CHECK((body.due().step == Step::give_up && body.due().when < kStart));
      CHECK(w.standing(Mode::stream_one, kStart + 59min) == Standing::shut);
      CHECK(w.standing(Mode::stream_up) == Standing::open);
    }
  }
}

TEST_CASE("an answer that does not bring what the bridge has for it is held back") {
  for (const bool known : {false, true}) {
    World w{Mode::stream_up};
    if (known) w.modes.passed(Mode::stream_one, kStart - 1min);
    auto& body = w.open(Mode::stream_one);
    body.owed(kStart + 50ms);  // by what was asked before its head
    CHECK(is(body.due(), Step::give_up, known ? 3200ms : 400ms));
    body.answer_began();
    body.owed(kStart + 1s);
    CHECK(is(body.due(), Step::give_up, known ? 2s : 1250ms));
    body.owed(kStart + 1100ms);  // since the first time
    CHECK(is(body.due(), Step::give_up, known ? 2s : 1250ms));
    body.brought();
    CHECK(is(body.due(), Step::end, 20s));
    body.owed(kStart + 3s);
    body.gave_up(kStart + 4s);
    CHECK(w.standing(Mode::stream_one, kStart + 1h) == Standing::shut);
    CHECK(w.standing(Mode::stream_up) == Standing::open);
  }
}

TEST_CASE("a piece that the edge does not take is reason to give up") {
  World w{Mode::stream_up};
  auto& body = w.open(Mode::stream_up);
  body.writing(kStart + 1s);
  CHECK(is(body.due(), Step::give_up, 13s));
  body.fed(100, kStart + 2s);
  CHECK(is(body.due(), Step::ask, 4s));
  body.acknowledged(1100);
  body.writing(kStart + 3s);
  CHECK(is(body.due(), Step::give_up, 15s));
  body.gave_up(kStart + 15s);
  CHECK(w.standing(Mode::stream_up, kStart + 5min) == Standing::shut);
  CHECK(w.standing(Mode::stream_up, kStart + 6min) == Standing::untried);
}

TEST_CASE("a two-way request of an edge that is known has seconds for its head") {
  World w{Mode::stream_up, Mode::stream_one};
  auto& body = w.open(Mode::stream_one);
  CHECK(is(body.due(), Step::give_up, 3200ms));
  body.fed(10, kStart);
  CHECK(is(body.due(), Step::ask, 2s));
  body.ending(kStart + 1s);
  CHECK(is(body.due(), Step::give_up, 3200ms));
  body.closed();
  CHECK(body.due().when == Time::max());
}
