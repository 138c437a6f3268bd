// When connections that stood still are believed to show a block, without any proof, with given times.
#include "client/detection/freeze_memory.hpp"

#include <doctest.h>

using namespace surang::client;
using namespace std::chrono_literals;

namespace {

struct FreezeScript {
  FreezeMemory memory;
  Clock::time_point now{10'000s};

  void froze(std::uint64_t at, bool others = true, Clock::duration later = 60s) {
    now += later;
    memory.froze("a.example", {at, now - 3s, others});
  }
  void carried(std::uint64_t bytes = 100'000) { memory.carried("a.example", bytes, now); }
  bool believed() const { return memory.believed("a.example", now); }
};

}  // namespace

TEST_CASE("twice at like points among others that went on, and the tunnel went beyond") {
  FreezeScript s;
  s.froze(16'000);
  s.carried();
  CHECK(!s.believed());
  s.froze(18'500);
  CHECK(s.believed());
}

TEST_CASE("three times where nothing is known of others") {
  FreezeScript s;
  s.froze(16'000, false);
  s.carried();
  s.froze(16'000, false);
  CHECK(!s.believed());
  s.froze(16'000, false);
  CHECK(s.believed());
}

TEST_CASE("what stands still together stood still once") {
  FreezeScript s;
  for (int i = 0; i < 6; ++i) s.froze(16'000, true, 1s);
  s.carried();
  CHECK(!s.believed());
}

TEST_CASE("without contrast nothing is believed") {
  FreezeScript s;
  for (int i = 0; i < 6; ++i) s.froze(16'000);
  CHECK(!s.believed());
  s.carried(15'000);  // no further than direct
  CHECK(!s.believed());
  s.carried(60'000);
  CHECK(s.believed());
  s.now += 61min;
  CHECK(!s.believed());
}

TEST_CASE("points that differ are chance") {
  FreezeScript s;
  s.carried();
  for (const std::uint64_t at : {2'000U, 16'000U, 90'000U, 400'000U}) {
    s.froze(at);
    s.carried(1'000'000);
  }
  CHECK(!s.believed());
}

TEST_CASE("a direct connection that went further clears the host") {
  FreezeScript s;
  s.froze(16'000);
  s.carried();
  s.memory.passed("a.example", 16'500);
  CHECK(s.memory.knows("a.example"));
  s.memory.passed("a.example", 64'000);
  CHECK(!s.memory.knows("a.example"));
  s.froze(16'000);
  CHECK(!s.believed());
}

TEST_CASE("after a belief that was acted on once is enough, for a day") {
  FreezeScript s;
  s.froze(16'000);
  s.carried();
  s.froze(16'000);
  CHECK(s.believed());
  s.memory.convicted("a.example", s.now);
  s.froze(17'000, false, 6h);
  CHECK(!s.believed());
  s.carried();
  CHECK(s.believed());
  s.froze(17'000, false, 25h);
  s.carried();
  CHECK(!s.believed());
}

TEST_CASE("the memory is bounded, the oldest go") {
  FreezeMemory memory;
  const Clock::time_point start{1000s};
  for (int i = 0; i < 500; ++i) memory.froze("h" + std::to_string(i), {16'000, start + i * 1s, true});
  CHECK(!memory.knows("h0"));
  CHECK(memory.knows("h499"));
  CHECK(memory.point("h499") == 16'000);
  memory.forget();
  CHECK(!memory.point("h499"));
}
