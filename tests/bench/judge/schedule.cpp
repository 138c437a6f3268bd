#include "tests/bench/judge/schedule.hpp"

#include <cmath>

namespace surang::judge {
namespace {

constexpr int kOpen = 13, kFlaky = 3, kBlocked = 10;  // sites
// Shaping is felt where the line would bring so many times more.
constexpr double kFelt = 8;

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

Censorship make_censorship(std::mt19937& random, Block block, double whole) {
  const double lengths[] = {8 * 3600., 3 * 3600., 20 * 60., 7 * 60.};
  const double on = lengths[random() % 4];
  return {block, by_turns(random, on, on, whole)};
}

Block kind(unsigned number) {
  return static_cast<Block>(1 + number % (kBlocks - 1));
}

}  // namespace

Conditions make_conditions(std::mt19937& random, unsigned number, double whole) {
  Conditions c;
  const double losses[] = {0, 0, 0.005, 0.01, 0.02, 0.05, 0.1};
  c.loss = losses[random() % 7];
  const double rtt = 0.020 * std::pow(30, uniform(random, 0, 1));
  c.rtt = from_seconds(rtt);
  c.bridge_rtt = from_seconds(rtt + uniform(random, 0.02, 0.15));
  c.line = 250e3 * std::pow(16, uniform(random, 0, 1));
  c.control = number % 2 == 1;
  c.outages = by_turns(random, 40, 6 * 3600, whole);
  c.bridge_down = by_turns(random, 120, 12 * 3600, whole);
  if (number % 3 == 0) c.elsewhere = by_turns(random, 45 * 60, 90 * 60, whole);
  return c;
}

std::vector<Site> make_sites(std::mt19937& random, unsigned number, double whole,
                             const Conditions& conditions) {
  std::vector<Site> sites;
  for (unsigned i = 0; i < kOpen + kFlaky + kBlocked; ++i) {
    Site s;
    s.name = "site" + std::to_string(i) + ".example";
    s.distance = from_seconds(uniform(random, 0.002, 0.15));
    s.thinking = from_seconds(uniform(random, 0.01, 0.25));
    s.has_v6 = i % 4 == 1;
    s.plain = i % 6 == 5;
    s.freezes_after = static_cast<std::size_t>(uniform(random, 12e3, 30e3));
    s.shaped_to = uniform(random, 12.5e3, 37.5e3);
    if (i >= kOpen && i < kOpen + kFlaky) s.flaky = uniform(random, 0.02, 0.2);
    if (i >= kOpen + kFlaky) {
      const unsigned at = i - kOpen - kFlaky;
      auto block = kind(number * kBlocked + at);
      const auto slowest = std::min(pace(conditions, conditions.rtt + s.distance),
                                    pace(conditions, conditions.bridge_rtt + 2 * s.distance));
      if (includes(block, Block::throttle) && slowest < kFelt * s.shaped_to) block = Block::freeze;
      s.plain = is_plain_http(block);
      if (is_one_family(block)) {
        s.has_v6 = true;
        s.v6_first = block == Block::v6_reset;
      }
      s.censored[0] = make_censorship(random, block, whole);
      // The other provider has its own means, for most of them.
      auto other = kind(number * kBlocked + at + 7);
      if (other == block || is_plain_http(other) != s.plain || is_one_family(other) ||
          includes(other, Block::throttle))
        other = s.plain ? Block::syn_drop : Block::reset;
      if (at % 3 != 0) s.censored[1] = make_censorship(random, other, whole);
    }
    sites.push_back(std::move(s));
  }
  return sites;
}

}  // namespace surang::judge
