// How well the judge judges: a person browses for days in made-up networks (loss 0 to 10 %, round trips of 20
// to 600 ms, flaky sites, every kind of block, blocks that come and go by the minute), with the real Router
// in simulated time. Prints the confusion matrix and exits 1 when a limit is missed. Usage: judge_accuracy
// [NETWORKS [DAYS [SEED]]]
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/bench/judge/outage.hpp"
#include "tests/bench/judge/simulated_person.hpp"
#include "tests/support/virtual_time.hpp"

using namespace surang;
using namespace surang::judge;
using namespace std::chrono_literals;

namespace {

constexpr double kMostWrong = 0.001, kMostMissed = 0.01, kLongestRecovery = 600, kMostExtra = 0.01;
constexpr int kOpen = 13, kFlaky = 3, kBlocked = 9;

double uniform(std::mt19937& random, double from, double to) {
  return std::uniform_real_distribution<>(from, to)(random);
}

Clock::duration from_seconds(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}

// On and off by turns, of these mean lengths in seconds.
std::vector<Span> by_turns(std::mt19937& random, double on, double off, double whole) {
  std::vector<Span> spans;
  double at = uniform(random, 0, off);
  while (at < whole) {
    const double end = at + std::exponential_distribution<>(1 / on)(random);
    spans.emplace_back(from_seconds(at), from_seconds(end));
    at = end + std::exponential_distribution<>(1 / off)(random);
  }
  return spans;
}

std::vector<Site> make_sites(std::mt19937& random, double whole) {
  std::vector<Site> sites;
  for (int i = 0; i < kOpen + kFlaky + kBlocked; ++i) {
    Site s;
    s.name = "site" + std::to_string(i) + ".example";
    s.distance = from_seconds(uniform(random, 0.002, 0.15));
    s.thinking = from_seconds(uniform(random, 0.01, 0.25));
    if (i >= kOpen && i < kOpen + kFlaky) s.flaky = uniform(random, 0.02, 0.2);
    if (i >= kOpen + kFlaky) {
      const int number = i - kOpen - kFlaky;
      s.block = static_cast<Block>(1 + number % (kBlocks - 1));
      const double lengths[] = {8 * 3600., 3 * 3600., 20 * 60., 7 * 60.};
      const double on = lengths[random() % 4];
      s.blocked = by_turns(random, on, on, whole);
    }
    sites.push_back(std::move(s));
  }
  return sites;
}

Conditions make_conditions(std::mt19937& random, double whole) {
  Conditions c;
  const double losses[] = {0, 0, 0.005, 0.01, 0.02, 0.05, 0.1};
  c.loss = losses[random() % 7];
  const double rtt = 0.020 * std::pow(30, uniform(random, 0, 1));
  c.rtt = from_seconds(rtt);
  c.bridge_rtt = from_seconds(rtt + uniform(random, 0.02, 0.15));
  c.outages = by_turns(random, 40, 6 * 3600, whole);
  c.bridge_down = by_turns(random, 120, 12 * 3600, whole);
  return c;
}

Tally run_network(unsigned seed, double days, const std::string& ca_file) {
  std::mt19937 random(seed);
  const double whole = days * 86400;
  asio::io_context io(1);
  auto conditions = make_conditions(random, whole);
  const auto [loss, rtt] = std::pair(conditions.loss, conditions.rtt);
  SimulatedNetwork network(io.get_executor(), std::move(conditions), make_sites(random, whole), seed);
  std::ofstream(ca_file) << network.authority();
  config::ClientOptions options;
  options.extra_ca_file = ca_file;
  client::VerdictStore store({});
  client::Router router(io.get_executor(), options, &network.tunnel(), store, network.parts());
  Tally tally;
  const auto live = [](SimulatedNetwork& n, client::Router& r, client::VerdictStore& s, Browsing b,
                       Tally& into) -> asio::awaitable<void> {
    into = co_await browse(n, r, s, b);
    co_await r.stop();
  };
  Browsing browsing;
  browsing.time = from_seconds(whole);
  asio::co_spawn(io, live(network, router, store, browsing, tally), [&](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
    io.stop();
  });
  io.run();
  const double share = tally.open_hours ? 100.0 * tally.wrong_hours / tally.open_hours : 0;
  std::uint64_t late = 0, missed = 0;
  for (const auto& k : tally.kinds) late += k.late_visits, missed += k.missed;
  std::printf(
      "  network %3u  loss %4.1f %%  rtt %3.0f ms   wrong %.3f %% (flaky %llu of %llu h)   missed %.2f %%\n",
      seed, loss * 100, std::chrono::duration<double>(rtt).count() * 1000, share,
      static_cast<unsigned long long>(tally.wrong_flaky_hours),
      static_cast<unsigned long long>(tally.flaky_hours), late ? 100.0 * missed / late : 0);
  std::fflush(stdout);
  return tally;
}

double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::nth_element(v.begin(), v.begin() + v.size() / 2, v.end());
  return v[v.size() / 2];
}

int report(const Tally& t) {
  std::printf(
      "\n| block | blocks | visits from the third on | missed | verdict after, median s | free again after, "
      "median s |\n"
      "| --- | ---: | ---: | ---: | ---: | ---: |\n");
  std::vector<double> recovery;
  std::uint64_t late = 0, missed = 0;
  for (int i = 1; i < kBlocks; ++i) {
    const auto& k = t.kinds[static_cast<std::size_t>(i)];
    std::printf("| %s | %llu | %llu | %llu | %.1f | %.0f |\n",
                std::string(to_string(static_cast<Block>(i))).c_str(),
                static_cast<unsigned long long>(k.blocks), static_cast<unsigned long long>(k.late_visits),
                static_cast<unsigned long long>(k.missed), median(k.convergence), median(k.recovery));
    recovery.insert(recovery.end(), k.recovery.begin(), k.recovery.end());
    late += k.late_visits;
    missed += k.missed;
  }
  const double hours = static_cast<double>(t.open_hours + t.flaky_hours);
  const double wrong = hours > 0 ? static_cast<double>(t.wrong_hours + t.wrong_flaky_hours) / hours : 1;
  const double missing = late > 0 ? static_cast<double>(missed) / static_cast<double>(late) : 1;
  const double extra = static_cast<double>(t.traffic.probes) /
                       static_cast<double>(std::max<std::uint64_t>(1, t.traffic.browser));
  std::printf("\n%llu visits, %llu of them failed; flights of browsers %llu, of probes %llu\n",
              static_cast<unsigned long long>(t.visits), static_cast<unsigned long long>(t.failed_visits),
              static_cast<unsigned long long>(t.traffic.browser_flights),
              static_cast<unsigned long long>(t.traffic.probe_flights));
  int failed = 0;
  const auto judge = [&](bool good, const char* what, double value, double limit, const char* unit) {
    std::printf("%s %s: %.3f%s (limit %g%s)\n", good ? "PASS" : "FAIL", what, value, unit, limit, unit);
    failed += !good;
  };
  judge(wrong < kMostWrong, "hours of open sites with a wrong verdict", wrong * 100, kMostWrong * 100, " %");
  judge(missing < kMostMissed, "visits to blocked sites that began directly, after two", missing * 100,
        kMostMissed * 100, " %");
  judge(median(recovery) < kLongestRecovery, "direct again after the end of a block, median",
        median(recovery), kLongestRecovery, " s");
  judge(extra <= kMostExtra, "direct traffic by probes", extra * 100, kMostExtra * 100, " %");
  return failed;
}

}  // namespace

int main(int count, char** words) {
  const int networks = count > 1 ? std::atoi(words[1]) : 40;
  const double days = count > 2 ? std::atof(words[2]) : 2;
  const unsigned seed = count > 3 ? static_cast<unsigned>(std::atoi(words[3])) : 1;
  if (networks < 0 || days <= 0) {
    std::fprintf(stderr, "usage: judge_accuracy [NETWORKS [DAYS [SEED]]]\n");
    return 64;
  }
  spdlog::set_level(spdlog::level::err);
  const auto ca_file =
      std::filesystem::temp_directory_path() / ("judge-" + std::to_string(getpid()) + ".pem");
  test::start_virtual_time();
  Tally all;
  for (int i = 0; i < networks; ++i) all.add(run_network(seed + static_cast<unsigned>(i), days, ca_file));
  int failed = report(all);
  failed += judge_outages(ca_file, seed);
  std::filesystem::remove(ca_file);
  return failed > 0;
}
