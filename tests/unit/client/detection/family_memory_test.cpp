// IPv6 that is broken while IPv4 works, in simulated time.
#include <doctest.h>

#include "client/detection/family_memory.hpp"

using namespace surang;
using namespace surang::client;
using namespace std::chrono_literals;

namespace {

using Addresses = std::vector<asio::ip::address>;

struct Site {
  asio::ip::address v6, v4;
  explicit Site(int n)
      : v6(asio::ip::make_address("2a00:93::" + std::to_string(n))),
        v4(asio::ip::make_address("93.184.1." + std::to_string(n))) {}
  Addresses both() const { return {v6, v4}; }
  // What happy eyeballs tell of it.
  std::vector<ConnectAttempt> silent() const {
    return {{{v6, 443}, asio::error::operation_aborted, 290ms}, {{v4, 443}, {}, 40ms}};
  }
  std::vector<ConnectAttempt> refused_by_router() const {
    return {{{v6, 443}, asio::error::host_unreachable, 20ms}, {{v4, 443}, {}, 40ms}};
  }
  std::vector<ConnectAttempt> by_v6() const { return {{{v6, 443}, {}, 40ms}}; }
};

bool v4_first(FamilyMemory& memory, const Site& site, Clock::time_point now) {
  return !memory.order(site.both(), now).front().is_v6();
}

}  // namespace

TEST_CASE("two unrelated hosts convict a broken IPv6, and one dial in ten minutes tries it again") {
  FamilyMemory memory;
  const Clock::time_point t{};
  const Site a(1), b(2), c(3);
  memory.saw(a.silent(), t);
  memory.saw(a.silent(), t + 1s);  // the same host proves nothing new
  CHECK(!v4_first(memory, c, t + 1s));
  memory.saw(b.refused_by_router(), t + 2s);
  CHECK(v4_first(memory, c, t + 2s));
  CHECK(v4_first(memory, a, t + 9min));
  CHECK(memory.order({c.v6}, t + 3s) == Addresses{c.v6});
  CHECK(memory.order({c.v4, c.v6}, t + 11min) ==
        Addresses{c.v4, c.v6});            // no trial where IPv4 is first anyway
  CHECK(!v4_first(memory, c, t + 11min));  // the trial
  CHECK(v4_first(memory, a, t + 11min));   // of one
  memory.saw(c.silent(), t + 11min);
  CHECK(v4_first(memory, c, t + 20min));
  CHECK(!v4_first(memory, c, t + 22min));
  memory.saw(c.by_v6(), t + 22min);
  CHECK(!v4_first(memory, a, t + 22min));
}

TEST_CASE("a trial that came to nothing is made again") {
  FamilyMemory memory;
  const Clock::time_point t{};
  memory.saw(Site(1).silent(), t);
  memory.saw(Site(2).silent(), t);
  CHECK(!v4_first(memory, Site(3), t + 11min));
  CHECK(v4_first(memory, Site(3), t + 11min + 29s));
  CHECK(!v4_first(memory, Site(3), t + 11min + 31s));
}

TEST_CASE("what works, or is down as a whole, is held against no family") {
  FamilyMemory memory;
  const Clock::time_point t{};
  const Site a(1), b(2);
  memory.saw(a.silent(), t);
  memory.saw(b.by_v6(), t + 1s);
  memory.saw(b.silent(), t + 2s);
  CHECK(!v4_first(memory, a, t + 3s));
  memory.forget();
  memory.saw(a.silent(), t + 4s);
  memory.saw(std::vector<ConnectAttempt>{{{b.v6, 443}, asio::error::timed_out, 10s},
                                         {{b.v4, 443}, asio::error::timed_out, 10s}},
             t + 5s);
  CHECK(!v4_first(memory, a, t + 5s));
  // Merely a little slower, or refused by the site itself.
  memory.saw(std::vector<ConnectAttempt>{{{b.v6, 443}, asio::error::operation_aborted, 60ms},
                                         {{b.v4, 443}, {}, 40ms}},
             t + 6s);
  memory.saw(std::vector<ConnectAttempt>{{{b.v6, 443}, asio::error::connection_refused, 40ms},
                                         {{b.v4, 443}, {}, 40ms}},
             t + 6s);
  CHECK(!v4_first(memory, a, t + 7s));
  memory.saw(b.silent(), t + 11min);  // too long after the first
  CHECK(!v4_first(memory, a, t + 11min));
  memory.saw(a.silent(), t + 12min);
  CHECK(v4_first(memory, a, t + 12min));
  memory.forget();  // another network
  CHECK(!v4_first(memory, a, t + 12min));
}
