#include "tests/bench/judge/simulated_person.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <set>

#include "client/detection/learner.hpp"
#include "client/detection/site_scope.hpp"
#include "transports/core/task_group.hpp"

namespace surang::judge {
namespace {

using namespace std::chrono_literals;
using namespace client;

double seconds(Clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

// One site as it fares.
struct Course {
  const Site* site = nullptr;
  int visits_in_block = 0;
  bool was_blocked = false, was_convicted = false, convicted_in_block = false, waits_for_recovery = false;
  Clock::duration first_visit{}, freed{};
  std::set<std::int64_t> hours_seen, hours_convicted;
};

class Person {
 public:
  Person(SimulatedNetwork& n, Router& r, VerdictStore& s, Browsing b)
      : net_(n), router_(r), store_(s), browsing_(b) {
    for (const auto& site : n.sites()) {
      courses_.emplace_back();
      courses_.back().site = &site;
    }
  }

  asio::awaitable<Tally> live() {
    TaskGroup visits(co_await asio::this_coro::executor);
    for (auto& course : courses_) visits.spawn(come_back_to(course));
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

  bool convicted(const Site& site) const {
    const auto now = unix_now();
    const auto holds = [&](const auto& v) { return v && v->expires > now; };
    return holds(store_.find("simulated", site.name, Scope::host)) ||
           holds(store_.find("simulated", registrable_domain(site.name), Scope::domain));
  }

  std::int64_t hour() const { return std::chrono::duration_cast<std::chrono::hours>(net_.now()).count(); }

  // Follows truth and belief; called often.
  void observe(Course& c) {
    const bool blocked = net_.is_blocked(*c.site), believed = convicted(*c.site);
    auto& kind = tally_.kinds[static_cast<std::size_t>(c.site->block)];
    if (blocked && !c.was_blocked) {
      c.visits_in_block = 0;
      c.convicted_in_block = believed;
      c.waits_for_recovery = false;
      ++kind.blocks;
    }
    if (!blocked && c.was_blocked) {
      c.freed = net_.now();
      c.waits_for_recovery = believed;
    }
    if (blocked && believed && !c.convicted_in_block && c.visits_in_block > 0) {
      c.convicted_in_block = true;
      kind.convergence.push_back(seconds(net_.now() - c.first_visit));
    }
    if (!blocked && !believed && c.waits_for_recovery) {
      c.waits_for_recovery = false;
      kind.recovery.push_back(seconds(net_.now() - c.freed));
    }
    c.was_blocked = blocked;
    if (believed) c.hours_convicted.insert(hour());
  }

  void observe() {
    for (auto& c : courses_) observe(c);
  }

  asio::awaitable<void> come_back_to(Course& course) {
    for (;;) {
      co_await pause(std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double>(net_.exponential(seconds(browsing_.between_visits)))));
      co_await visit(course);
    }
  }

  // A page: some connections one after the other.
  asio::awaitable<void> visit(Course& c) {
    observe(c);
    const int connections = 1 + static_cast<int>(net_.chance() * 4);
    if (net_.is_blocked(*c.site)) {
      if (++c.visits_in_block == 1) c.first_visit = net_.now();
      auto& kind = tally_.kinds[static_cast<std::size_t>(c.site->block)];
      if (c.visits_in_block > 2 && !net_.away()) {
        ++kind.late_visits;
        kind.missed += !convicted(*c.site);
      }
    }
    ++tally_.visits;
    c.hours_seen.insert(hour());
    bool served = false;
    for (int i = 0; i < connections; ++i) {
      const bool ok = co_await load(*c.site);
      served |= ok;
      co_await pause(ok ? 50ms : 1s);
    }
    if (net_.is_blocked(*c.site))
      for (int i = 0; i < 40 && !c.convicted_in_block; ++i) {
        observe(c);
        co_await pause(250ms);
      }
    if (!served && !net_.away()) ++tally_.failed_visits;
  }

  asio::awaitable<bool> load(const Site& site) {
    const Endpoint to(site.name, 443);
    auto flight = net_.browser_flight(site.name);
    auto begun = router_.begin(to);
    auto opened = co_await router_.open(to, std::move(flight), std::move(begun));
    if (!opened) co_return false;
    co_await pause(100ms);
    opened->stream->close();
    if (opened->watch) opened->watch->ended(100'000, false, {});
    co_return true;
  }

  void finish() {
    for (const auto& c : courses_) {
      if (c.site->block != Block::none) continue;
      for (const auto h : c.hours_seen) {
        const bool wrong = c.hours_convicted.contains(h);
        ++(c.site->flaky > 0 ? tally_.flaky_hours : tally_.open_hours);
        if (wrong) ++(c.site->flaky > 0 ? tally_.wrong_flaky_hours : tally_.wrong_hours);
      }
    }
    tally_.traffic = net_.traffic;
  }

  SimulatedNetwork& net_;
  Router& router_;
  VerdictStore& store_;
  const Browsing browsing_;
  std::deque<Course> courses_;
  Tally tally_;
};

}  // namespace

void Tally::add(const Tally& o) {
  visits += o.visits;
  failed_visits += o.failed_visits;
  open_hours += o.open_hours;
  wrong_hours += o.wrong_hours;
  flaky_hours += o.flaky_hours;
  wrong_flaky_hours += o.wrong_flaky_hours;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
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

asio::awaitable<Tally> browse(SimulatedNetwork& network, Router& router, VerdictStore& store,
                              Browsing browsing) {
  Person person(network, router, store, browsing);
  co_return co_await person.live();
}

}  // namespace surang::judge
