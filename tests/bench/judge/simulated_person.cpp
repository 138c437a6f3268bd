#include "tests/bench/judge/simulated_person.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <set>

#include "client/detection/learner.hpp"
#include "client/detection/site_scope.hpp"
#include "tests/bench/judge/simulated_browser.hpp"
#include "transports/core/task_group.hpp"

namespace surang::judge {
namespace {

using namespace std::chrono_literals;
using namespace client;

constexpr std::size_t kFeltBytes = 64 * 1024;  // what a freeze or a crawl shows in
constexpr Clock::duration kStuck = 1h;         // for a verdict by the tunnel where another address would do

// One site as it fares on one provider's line.
struct Course {
  const Site* site = nullptr;
  Block kind = Block::none;
  int visits_in_block = 0, felt = 0;
  bool was_blocked = false, was_there = false, convicted_in_block = false, waits_for_recovery = false;
  bool believed_when_left = false, just_back = false;
  Clock::duration first_visit{}, freed{};
  std::optional<Clock::duration> tunnelled_since;
  std::set<std::int64_t> hours_seen, hours_convicted, hours_stuck;
};

class Person {
 public:
  Person(SimulatedNetwork& n, Router& r, VerdictStore& s, Browsing b)
      : net_(n), router_(r), store_(s), browsing_(b) {
    for (std::size_t line = 0; line < courses_.size(); ++line)
      for (const auto& site : n.sites()) {
        courses_[line].emplace_back();
        courses_[line].back().site = &site;
        courses_[line].back().kind = site.censored[line].block;
      }
  }

  asio::awaitable<Tally> live() {
    TaskGroup visits(co_await asio::this_coro::executor);
    for (std::size_t i = 0; i < net_.sites().size(); ++i) visits.spawn(come_back_to(i));
    while (net_.now() < browsing_.time) {
      observe();
      co_await pause(20s);
    }
    visits.cancel();
    co_await visits.join();
    finish();
    co_return std::move(tally_);
  }

 private:
  asio::awaitable<void> pause(Clock::duration time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
  }

  std::optional<Verdict> verdict(const Site& site) const {
    const auto now = unix_now();
    const auto network = SimulatedNetwork::identity_of(net_.provider());
    auto found = store_.find(network, site.name, Scope::host);
    if (!found || found->expires <= now)
      found = store_.find(network, registrable_domain(site.name), Scope::domain);
    if (found && found->expires <= now) found.reset();
    return found;
  }

  std::int64_t hour() const { return std::chrono::duration_cast<std::chrono::hours>(net_.now()).count(); }
  Course& course(std::size_t number) { return courses_[static_cast<std::size_t>(net_.provider())][number]; }

  // Follows truth and belief; called often.
  void observe(Course& c) {
    const bool blocked = net_.block_of(*c.site) != Block::none;
    const auto held = verdict(*c.site);
    const bool believed = held.has_value();
    auto& kind = tally_.kinds[static_cast<std::size_t>(c.kind)];
    if (blocked && !c.was_blocked) {
      c.visits_in_block = c.felt = 0;
      c.convicted_in_block = believed;
      c.waits_for_recovery = false;
      c.just_back = false;
      ++kind.blocks;
    }
    if (!blocked && c.was_blocked) {
      c.freed = net_.now();
      c.waits_for_recovery = believed && c.was_there;  // nobody saw when, otherwise
    }
    if (blocked && believed && !c.convicted_in_block && c.visits_in_block > 0) {
      c.convicted_in_block = true;
      kind.convergence.push_back(in_seconds(net_.now() - c.first_visit));
    }
    if (!blocked && !believed && c.waits_for_recovery) {
      c.waits_for_recovery = false;
      kind.recovery.push_back(in_seconds(net_.now() - c.freed));
    }
    // On a line that one comes back to, the verdicts of before may have lapsed: its blocks are met afresh.
    if (!c.was_there) {
      c.just_back = blocked && c.was_blocked && c.believed_when_left;
      c.visits_in_block = c.felt = 0;
    }
    c.was_there = true;
    c.was_blocked = blocked;
    c.believed_when_left = believed;
    if (believed) c.hours_convicted.insert(hour());
    if (!believed || held->way != Way::tunnel)
      c.tunnelled_since.reset();
    else if (!c.tunnelled_since)
      c.tunnelled_since = net_.now();
    if (c.tunnelled_since && net_.now() - *c.tunnelled_since > kStuck) c.hours_stuck.insert(hour());
  }

  void observe() {
    const auto here = static_cast<std::size_t>(net_.provider());
    for (auto& c : courses_[here]) observe(c);
    for (auto& c : courses_[1 - here]) {
      c.was_there = c.waits_for_recovery = false;
      c.tunnelled_since.reset();
    }
  }

  asio::awaitable<void> come_back_to(std::size_t number) {
    for (;;) {
      co_await pause(std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double>(net_.exponential(in_seconds(browsing_.between_visits)))));
      observe();
      co_await visit(course(number));
    }
  }

  std::size_t some_size(Block kind) {
    if (needs_size(kind)) return static_cast<std::size_t>(80e3 + 220e3 * net_.chance());
    return static_cast<std::size_t>(net_.chance() < 0.2 ? 5e3 + 15e3 * net_.chance()
                                                        : 20e3 + 200e3 * net_.chance());
  }

  // A page: some connections one after the other.
  asio::awaitable<void> visit(Course& c) {
    const int connections = 1 + static_cast<int>(net_.chance() * 4);
    const auto block = net_.block_of(*c.site);
    const bool blocked = block != Block::none, believed = verdict(*c.site).has_value();
    auto& kind = tally_.kinds[static_cast<std::size_t>(c.kind)];
    ++tally_.matrix[static_cast<std::size_t>(c.kind)][blocked][believed];
    if (blocked && ++c.visits_in_block == 1) c.first_visit = net_.now();
    const bool late = blocked && !net_.away() && c.visits_in_block > 2;
    if (std::exchange(c.just_back, false)) {
      ++tally_.returns;
      tally_.right_returns += believed;
    }
    const bool felt_twice = c.felt >= 2;
    ++tally_.visits;
    c.hours_seen.insert(hour());
    bool served = false, felt = false, first_fails = false, first_direct = false;
    for (int i = 0; i < connections; ++i) {
      const auto size = some_size(c.kind);
      const auto loaded = co_await load(net_, router_, *c.site, size);
      served |= loaded.whole;
      felt |= loaded.direct() && size >= kFeltBytes && net_.block_of(*c.site) == block;
      if (i == 0) first_direct = loaded.direct(), first_fails = !loaded.whole;
      co_await pause(loaded.whole ? 50ms : 1s);
    }
    if (late) {
      ++kind.late_visits;
      // What shows in large transfers only cannot be known before two of them.
      if (needs_size(block))
        kind.missed += felt_twice && first_direct;
      else
        kind.missed += block == Block::v4_drop ? first_fails : !believed;
    }
    if (blocked && felt) ++c.felt;
    if (net_.block_of(*c.site) != Block::none && !is_one_family(block))
      for (int i = 0; i < 40 && !c.convicted_in_block; ++i) {
        observe();
        co_await pause(250ms);
      }
    if (!served && !net_.away()) ++tally_.failed_visits;
  }

  void finish() {
    for (const auto& courses : courses_)
      for (const auto& c : courses) {
        const bool family = is_one_family(c.kind);
        if (c.kind != Block::none && !family) continue;
        const auto& bad = family ? c.hours_stuck : c.hours_convicted;
        for (const auto h : c.hours_seen) {
          const bool wrong = bad.contains(h);
          ++(family ? tally_.family_hours : c.site->flaky > 0 ? tally_.flaky_hours : tally_.open_hours);
          if (wrong)
            ++(family              ? tally_.stuck_hours
               : c.site->flaky > 0 ? tally_.wrong_flaky_hours
                                   : tally_.wrong_hours);
        }
      }
    tally_.traffic = net_.traffic;
  }

  SimulatedNetwork& net_;
  Router& router_;
  VerdictStore& store_;
  const Browsing browsing_;
  std::array<std::deque<Course>, kProvidersOfLines> courses_;
  Tally tally_;
};

}  // namespace

asio::awaitable<Tally> browse(SimulatedNetwork& network, Router& router, VerdictStore& store,
                              Browsing browsing) {
  Person person(network, router, store, browsing);
  co_return co_await person.live();
}

}  // namespace surang::judge
