#include "tests/bench/judge/outage.hpp"

#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <fstream>
#include <set>

#include "client/detection/way.hpp"
#include "tests/bench/judge/simulated_network.hpp"
#include "transports/core/task_group.hpp"

namespace surang::judge {
namespace {

using namespace std::chrono_literals;
using namespace client;

constexpr int kNames =
    48;  // of the pages in six tabs and what belongs to them; every other one is new by then
constexpr Clock::duration kBefore = 10min, kOutage = 60min, kAfterwards = 10min;
constexpr double kMostDials = 1, kMostCpu = 0.01;

struct Case {
  const char* name;
  bool bridge, names_survive;
};
constexpr Case kCases[] = {{"silent name server, no bridge", false, false},
                           {"silent name server, bridge", true, false},
                           {"names from a cache, no bridge", false, true},
                           {"names from a cache, bridge", true, true}};

// What this process has used so far, in the time of the real world.
double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// A browser whose tabs are left open.
class Tabs {
 public:
  Tabs(SimulatedNetwork& n, Router& r, VerdictStore& s) : net_(n), router_(r), store_(s) {}

  asio::awaitable<void> live() {
    const auto executor = co_await asio::this_coro::executor;
    TaskGroup names(executor);
    for (int i = 0; i < kNames; ++i) names.spawn(ask_for(net_.sites()[static_cast<std::size_t>(i)], i % 2));
    co_await pause(kBefore);
    const auto dials = net_.dials;
    const double cpu = cpu_seconds();
    while (net_.now() < kBefore + kOutage) co_await look();
    spent_cpu = cpu_seconds() - cpu;
    spent.direct = net_.dials.direct - dials.direct;
    spent.encrypted_dns = net_.dials.encrypted_dns - dials.encrypted_dns;
    spent.bridge = net_.dials.bridge - dials.bridge;
    while (net_.now() < kBefore + kOutage + kAfterwards) co_await look();
    names.cancel();
    co_await names.join();
  }

  Dials spent;                   // in the outage
  double spent_cpu = 0;          // the same
  std::set<std::string> learnt;  // whatever a verdict was about
  int tries = 0, first_visits = 0, first_direct = 0;

 private:
  asio::awaitable<void> pause(Clock::duration time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
  }

  asio::awaitable<void> look() {
    for (const auto& v : store_.list("")) learnt.insert(v.subject);
    co_await pause(1s);
  }

  // A page that came is asked for again after a while, one that did not after seconds.
  asio::awaitable<void> ask_for(const Site& site, bool new_by_then) {
    co_await pause(new_by_then ? kBefore + 1min : 1s);
    for (bool first = true;;) {
      const bool in_outage = net_.away(), afterwards = net_.now() >= kBefore + kOutage;
      const Endpoint to(site.name, 443);
      auto flight = net_.browser_flight(site);
      auto begun = router_.begin(to);
      auto opened = co_await router_.open(to, std::move(flight), std::move(begun));
      tries += in_outage;
      if (afterwards && std::exchange(first, false)) {
        ++first_visits;
        first_direct += opened && opened->way == to_string(Way::direct);
      }
      if (opened) {
        co_await pause(100ms);
        opened->stream->close();
      }
      const auto seconds = opened ? 20 + 20 * net_.chance() : 2 + 3 * net_.chance();
      co_await pause(std::chrono::milliseconds(static_cast<int>(seconds * 1000)));
    }
  }

  SimulatedNetwork& net_;
  Router& router_;
  VerdictStore& store_;
};

int judge(const Case& c, const std::string& ca_file, unsigned seed) {
  asio::io_context io(1);
  Conditions conditions;
  conditions.rtt =
      60ms;  // nothing is lost outside of the outage: what goes by the tunnel then does so for a reason
  conditions.bridge_rtt = 140ms;
  conditions.outages = {{kBefore, kBefore + kOutage}};
  conditions.names_survive = c.names_survive;
  std::vector<Site> sites(kNames + 1);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    sites[i].name = i == kNames ? "portal.example" : "site" + std::to_string(i) + ".example";
    sites[i].distance = 20ms;
    sites[i].thinking = 30ms;
    sites[i].plain = i == kNames;
  }
  SimulatedNetwork network(io.get_executor(), std::move(conditions), std::move(sites), seed);
  std::ofstream(ca_file) << network.authority();
  config::ClientOptions options;
  options.extra_ca_file = ca_file;
  options.captive_probe = config::CaptiveProbe{"portal.example", 80, "/generate_204"};
  VerdictStore store({});
  Router router(io.get_executor(), options, c.bridge ? &network.tunnel() : nullptr, store, network.parts());
  Tabs tabs(network, router, store);
  const auto live = [](Tabs& t, Router& r) -> asio::awaitable<void> {
    co_await t.live();
    co_await r.stop();
  };
  asio::co_spawn(io, live(tabs, router), [&](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
    io.stop();
  });
  io.run();
  const double seconds = std::chrono::duration<double>(kOutage).count();
  const double dials = static_cast<double>(tabs.spent.all()) / seconds, cpu = tabs.spent_cpu / seconds;
  int failed = 0;
  const auto say = [&](bool good, const char* text, auto... values) {
    std::printf("%s outage, %s: ", good ? "PASS" : "FAIL", c.name);
    std::printf(text, values...);
    std::printf("\n");
    failed += !good;
  };
  say(tabs.learnt.empty(), "%zu verdicts learnt from %d tries (limit 0)", tabs.learnt.size(), tabs.tries);
  say(dials < kMostDials, "%.3f dials a second: %llu direct, %llu encrypted DNS, %llu bridge (limit %g)",
      dials, static_cast<unsigned long long>(tabs.spent.direct),
      static_cast<unsigned long long>(tabs.spent.encrypted_dns),
      static_cast<unsigned long long>(tabs.spent.bridge), kMostDials);
  say(cpu < kMostCpu, "%.3f %% of a processor (limit %g %%)", cpu * 100, kMostCpu * 100);
  say(tabs.first_direct == tabs.first_visits && tabs.first_visits == kNames,
      "%d of %d first visits afterwards went directly (limit all)", tabs.first_direct, tabs.first_visits);
  std::fflush(stdout);
  return failed;
}

}  // namespace

int judge_outages(const std::string& ca_file, unsigned seed) {
  int failed = 0;
  for (const auto& c : kCases) failed += judge(c, ca_file, seed);
  return failed;
}

}  // namespace surang::judge
