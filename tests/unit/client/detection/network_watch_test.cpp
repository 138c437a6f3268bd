// Which network it is, when that is looked at, and what a sleep looks like. Pure, with given times.
#include "client/detection/network_watch.hpp"

#include <doctest.h>

using namespace surang::client;
using namespace std::chrono_literals;

namespace {

const NetworkFacts kHome{true, "wifi", "192.168.1.1", "02:00:00:00:00:01", {"192.168.1.1", "9.9.9.9"}};

// What the system would say, and how often it was asked for all of it.
struct System {
  NetworkFacts facts = kHome;
  std::string stamp = "1";
  SleepClocks clocks{100s, 100s};
  int reads = 0;
  NetworkSources sources() {
    return {[this] { return ++reads, facts; }, [this] { return stamp; }, [this] { return clocks; }};
  }
};

}  // namespace

TEST_CASE("a network is known by its gateway and resolvers") {
  auto same = kHome;
  std::swap(same.resolvers[0], same.resolvers[1]);
  CHECK(network_id_of(kHome) == network_id_of(same));
  CHECK(network_id_of(kHome) == "ab899d0abde9f106");  // as ever: the store is kept by it
  auto cafe = kHome;
  cafe.gateway_mac = "02:00:00:00:00:02";
  CHECK(network_id_of(kHome) != network_id_of(cafe));
  auto beside_a_phone = kHome;
  beside_a_phone.ipv6_path = "mobile fe80::1";
  CHECK(network_id_of(kHome) != network_id_of(beside_a_phone));
  CHECK(read_network_facts().resolvers.size() < 9);
  CHECK(resolvers_stamp() == resolvers_stamp());
}

TEST_CASE("the hardware address of a gateway may be known later, and is remembered") {
  System system;
  NetworkWatch watch(system.sources());
  auto& now = system.facts;
  const Clock::time_point t{};
  const auto first = watch.current(t).id;
  now.gateway_mac.clear();  // the neighbour entry expired
  CHECK(watch.current(t + 3s).id == first);
  now.gateway_mac = "02:00:00:00:00:02";
  CHECK(watch.current(t + 4s).id != first);
  now = kHome;
  CHECK(watch.current(t + 5s).id == first);
  now.gateway = "10.2.0.1";
  now.gateway_mac.clear();
  const auto joined = watch.current(t + 11s).id;
  now.gateway_mac = "02:00:00:00:00:03";
  CHECK(watch.current(t + 14s).id != joined);
  CHECK(watch.current(t + 14s).provisional == joined);  // known better, not another
  CHECK(joined != first);
  now = kHome;
  now.gateway_mac.clear();  // back, and the neighbour not asked for yet
  CHECK(watch.current(t + 17s).id == first);
}

TEST_CASE("the facts are read when the system says so, and rarely otherwise") {
  System system;
  NetworkWatch watch(system.sources());
  watch.told(true);
  const Clock::time_point t{};
  const auto home = watch.current(t).id;
  for (auto at = 0ms; at < 2s; at += 1ms) (void)watch.current(t + at);
  CHECK(system.reads == 1);
  (void)watch.current(t + 2s);
  CHECK(system.reads == 2);
  system.facts.gateway = "10.2.0.1";
  for (int i = 0; i < 50; ++i) watch.stale();  // a burst
  CHECK(watch.current(t + 2001ms).id != home);
  CHECK(watch.current(t + 2002ms).id != home);
  CHECK(system.reads == 3);
  system.facts = kHome;
  system.facts.resolvers = {"9.9.9.9"};
  system.stamp = "2";  // nobody tells, but the file of resolvers is another
  const auto before = watch.current(t + 2003ms).id;
  CHECK(watch.current(t + 2030ms).id != before);
  CHECK(system.reads == 4);
}

TEST_CASE("a gateway whose hardware address is not known yet is looked at soon again, for a while") {
  System system;
  system.facts.gateway_mac.clear();
  NetworkWatch watch(system.sources());
  watch.told(true);
  const Clock::time_point t{};
  const auto provisional = watch.current(t).id;
  (void)watch.current(t + 20ms);
  CHECK(system.reads == 2);
  system.facts.gateway_mac = kHome.gateway_mac;
  CHECK(watch.current(t + 40ms).id != provisional);
  system.facts.gateway_mac.clear();  // a modem's has none, ever
  (void)watch.current(t + 3s);
  (void)watch.current(t + 4s);
  CHECK(system.reads == 4);
}

TEST_CASE("a list of resolvers that is just being written is not taken for another network") {
  System system;
  NetworkWatch watch(system.sources());
  watch.told(true);
  const Clock::time_point t{};
  const auto home = watch.current(t).id;
  system.facts.resolvers.clear();
  watch.stale();
  CHECK(watch.current(t + 1s).id == home);
  system.facts = kHome;
  CHECK(watch.current(t + 1020ms).id == home);
  system.facts.resolvers.clear();
  watch.stale();
  CHECK(watch.current(t + 2s).id == home);
  CHECK(watch.current(t + 2040ms).id == home);
  CHECK(watch.current(t + 2060ms).id != home);  // it is empty indeed
}

TEST_CASE("where the system does not tell, who asks often has it looked at often") {
  System system;
  NetworkWatch watch(system.sources());
  const Clock::time_point t{};
  for (auto at = 0ms; at < 200ms; at += 1ms) (void)watch.current(t + at);
  CHECK(system.reads == 10);
}

TEST_CASE("a sleep is the time by which one clock runs ahead of the other") {
  SleepDetector detector;
  CHECK(!detector.slept({10s, 500s}));
  CHECK(!detector.slept({3610s, 4100s}));  // an hour awake
  CHECK(!detector.slept({3611s, 4105s}));  // 4 s asleep
  CHECK(detector.slept({3612s, 4111s}));   // and 5 more
  CHECK(!detector.slept({3613s, 4112s}));
  CHECK(detector.slept({3614s, 99'999s}));
  CHECK(!detector.slept({3615s, 99'999s}));  // clocks read in the other order
  CHECK(!detector.slept({3616s, 100'003s}));
}

TEST_CASE("after a sleep the facts are read at once, and the sleep is counted") {
  System system;
  NetworkWatch watch(system.sources());
  watch.told(true);
  const Clock::time_point t{};
  CHECK(watch.current(t).sleeps == 0);
  system.clocks = {101s, 8000s};
  CHECK(watch.current(t + 1s).sleeps == 1);
  CHECK(system.reads == 2);
  CHECK(watch.current(t + 1500ms).sleeps == 1);
  CHECK(system.reads == 2);
  const auto clocks = read_sleep_clocks();
  CHECK(clocks.all >= clocks.awake - 1s);
}
