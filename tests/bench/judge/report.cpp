#include "tests/bench/judge/report.hpp"

#include <algorithm>
#include <cstdio>

namespace surang::judge {
namespace {

constexpr double kMostWrong = 0.001, kMostMissed = 0.01, kLongestRecovery = 600, kMostExtra = 0.01,
                 kMostStuck = 0.05;

using Count = unsigned long long;

double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

void print_matrix(const Tally& t) {
  std::printf(
      "\n| block | while blocked: believed | not (yet) | while open: believed | not | third visits | missed "
      "| "
      "blocks | verdict after, median s | free again after, median s |\n"
      "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
  for (std::size_t i = 0; i < t.kinds.size(); ++i) {
    const auto& k = t.kinds[i];
    const auto& m = t.matrix[i];
    std::printf("| %s | %llu | %llu | %llu | %llu | %llu | %llu | %llu | %.1f | %.0f |\n",
                std::string(to_string(static_cast<Block>(i))).c_str(), Count{m[1][1]}, Count{m[1][0]},
                Count{m[0][1]}, Count{m[0][0]}, Count{k.late_visits}, Count{k.missed}, Count{k.blocks},
                median(k.convergence), median(k.recovery));
  }
}

}  // namespace

void Tally::add(const Tally& o) {
  visits += o.visits;
  failed_visits += o.failed_visits;
  open_hours += o.open_hours;
  wrong_hours += o.wrong_hours;
  flaky_hours += o.flaky_hours;
  wrong_flaky_hours += o.wrong_flaky_hours;
  family_hours += o.family_hours;
  stuck_hours += o.stuck_hours;
  returns += o.returns;
  right_returns += o.right_returns;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    for (std::size_t blocked = 0; blocked < 2; ++blocked)
      for (std::size_t believed = 0; believed < 2; ++believed)
        matrix[i][blocked][believed] += o.matrix[i][blocked][believed];
    auto& mine = kinds[i];
    const auto& theirs = o.kinds[i];
    mine.blocks += theirs.blocks;
    mine.late_visits += theirs.late_visits;
    mine.missed += theirs.missed;
    mine.convergence.insert(mine.convergence.end(), theirs.convergence.begin(), theirs.convergence.end());
    mine.recovery.insert(mine.recovery.end(), theirs.recovery.begin(), theirs.recovery.end());
  }
  traffic.browser += o.traffic.browser;
  traffic.probes += o.traffic.probes;
  traffic.browser_flights += o.traffic.browser_flights;
  traffic.probe_flights += o.traffic.probe_flights;
}

void print_network(const Tally& t, unsigned number, const Conditions& c) {
  std::uint64_t late = 0, missed = 0;
  for (const auto& k : t.kinds) late += k.late_visits, missed += k.missed;
  std::printf(
      "  network %3u  loss %4.1f %%  rtt %3.0f ms  %5.0f kB/s  %s%s   wrong %llu of %llu h (flaky %llu of "
      "%llu)   missed %.2f %%\n",
      number, c.loss * 100, std::chrono::duration<double>(c.rtt).count() * 1000, c.line / 1000,
      c.control ? "control" : "       ", c.elsewhere.empty() ? "          " : " two lines",
      Count{t.wrong_hours}, Count{t.open_hours}, Count{t.wrong_flaky_hours}, Count{t.flaky_hours},
      share(missed, late) * 100);
  std::fflush(stdout);
}

int report(const Tally& t) {
  print_matrix(t);
  std::vector<double> recovery;
  std::uint64_t late = 0, missed = 0;
  for (const auto& k : t.kinds) {
    recovery.insert(recovery.end(), k.recovery.begin(), k.recovery.end());
    late += k.late_visits;
    missed += k.missed;
  }
  std::printf("\n%llu visits, %llu of them failed; flights of browsers %llu, of probes %llu\n",
              Count{t.visits}, Count{t.failed_visits}, Count{t.traffic.browser_flights},
              Count{t.traffic.probe_flights});
  std::printf(
      "back on a known line, to a site blocked as when it was left: %llu first visits, %llu begun rightly\n",
      Count{t.returns}, Count{t.right_returns});
  int failed = 0;
  const auto judge = [&](bool good, const char* what, double value, double limit, const char* unit) {
    std::printf("%s %s: %.3f%s (limit %g%s)\n", good ? "PASS" : "FAIL", what, value, unit, limit, unit);
    failed += !good;
  };
  const double wrong = share(t.wrong_hours + t.wrong_flaky_hours, t.open_hours + t.flaky_hours);
  judge(wrong < kMostWrong, "hours of open sites with a wrong verdict", wrong * 100, kMostWrong * 100, " %");
  judge(share(missed, late) < kMostMissed, "visits to blocked sites that began directly, after two",
        share(missed, late) * 100, kMostMissed * 100, " %");
  judge(median(recovery) < kLongestRecovery, "direct again after the end of a block, median",
        median(recovery), kLongestRecovery, " s");
  const double stuck = share(t.stuck_hours, t.family_hours);
  judge(stuck < kMostStuck, "hours by the tunnel where another address would have done", stuck * 100,
        kMostStuck * 100, " %");
  const double extra = share(t.traffic.probes, t.traffic.browser);
  judge(extra <= kMostExtra, "direct traffic by probes", extra * 100, kMostExtra * 100, " %");
  return failed;
}

}  // namespace surang::judge
