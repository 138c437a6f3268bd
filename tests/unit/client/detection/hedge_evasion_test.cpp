// When evasions start in a race, and what waits for them.
#include <doctest.h>

#include "tests/unit/client/detection/race_script.hpp"

using namespace surang::client;
using namespace std::chrono_literals;
using surang::client::test::Script;

TEST_CASE("a quick failure gives an evasion a short head start on the tunnel, a silence none") {
  Script s;
  s.plan = {{Way::direct, StartWhen::at_once},
            {Way::direct_fragmented, StartWhen::evading},
            {Way::tunnel, StartWhen::hedge},
            {Way::direct_split, StartWhen::when_tunnel_is_down}};
  auto& direct = s.add(0, 0ms);
  direct.outcome = Outcome::failed;
  direct.signal = Signal::tcp_rst;  // no name was said
  direct.rtt = 40ms;
  CHECK(s.at(44ms).index == 2);
  s.attempts[0].signal = Signal::tls_rst;
  s.attempts[0].sent = true;
  CHECK(s.at(44ms).index == 1);
  s.add(1, 44ms);
  CHECK(s.at(45ms).kind == Step::Kind::wait);
  CHECK(s.at(45ms).until == s.t0 + 44ms + 80ms + 100ms);
  CHECK(s.at(224ms).index == 2);
  s.attempts[1].outcome = Outcome::failed;
  CHECK(s.at(90ms).index == 2);
  s.add(2, 90ms);
  s.attempts[2].outcome = Outcome::failed;
  s.attempts[2].signal = Signal::tunnel_failed;
  CHECK(s.at(95ms).index == 3);  // nothing else is left
  s.attempts[0].signal = Signal::tcp_rst;
  CHECK(s.at(95ms).kind == Step::Kind::finish);

  Script silent;
  silent.plan = s.plan;
  auto& waits = silent.add(0, 0ms);
  waits.stage = Stage::waiting;
  waits.sent = true;
  waits.last_life = silent.t0 + 40ms;
  waits.rtt = 40ms;
  CHECK(silent.at(479ms).kind == Step::Kind::wait);
  CHECK(silent.at(480ms).index == 1);
  silent.add(1, 480ms);
  CHECK(silent.at(480ms).index == 2);  // both at once: time was lost already
  silent.attempts[0].outcome = Outcome::validated;
  CHECK(silent.at(481ms).winner == 0);
}

TEST_CASE(
    "without a bridge evasions follow each other, by failure or silence, and only for what they may help") {
  Script s;
  s.plan = {{Way::direct, StartWhen::at_once},
            {Way::direct_encrypted_dns, StartWhen::hedge},
            {Way::direct_fragmented, StartWhen::evading},
            {Way::direct_split, StartWhen::evading},
            {Way::direct_other_address, StartWhen::evading}};
  auto& direct = s.add(0, 0ms);
  direct.outcome = Outcome::failed;
  direct.signal = Signal::tls_rst;
  direct.sent = true;
  direct.rtt = 40ms;
  CHECK(s.at(80ms).index == 1);
  s.add(1, 80ms).stage = Stage::resolving;
  CHECK(s.at(80ms).index == 2);  // beside the question to encrypted DNS
  auto& fragmented = s.add(2, 80ms);
  CHECK(s.at(81ms).kind == Step::Kind::wait);
  fragmented.rtt = 40ms;
  CHECK(s.at(520ms).index == 3);
  s.attempts[2].outcome = Outcome::failed;
  CHECK(s.at(90ms).index == 3);
  s.add(3, 90ms).outcome = Outcome::failed;
  s.attempts[1].outcome = Outcome::failed;
  CHECK(s.at(200ms).kind == Step::Kind::finish);  // there is no other address
  s.attempts[0].more_addresses = true;
  CHECK(s.at(200ms).index == 4);
  s.attempts[0].signal = Signal::tcp_silence;
  CHECK(s.at(200ms).index == 4);
  s.replayable = false;
  CHECK(s.at(200ms).kind == Step::Kind::finish);
  CHECK(!s.at(200ms).winner);
}

TEST_CASE("an evasion that a verdict chose is hedged like any way") {
  Script s;
  s.plan = {{Way::direct_fragmented, StartWhen::at_once}, {Way::tunnel, StartWhen::hedge}};
  s.add(0, 0ms);
  CHECK(s.at(399ms).kind == Step::Kind::wait);
  CHECK(s.at(400ms).index == 1);
  s.attempts[0].outcome = Outcome::failed;
  CHECK(s.at(41ms).index == 1);
}
