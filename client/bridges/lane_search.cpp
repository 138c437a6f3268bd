// How the BridgePool finds a lane that works, and what it then knows of the others.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>

#include "client/bridges/bridge_trouble.hpp"
#include "client/bridges/pool_state.hpp"
#include "transports/core/timeout.hpp"

namespace surang::client {

using std::chrono::milliseconds;

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

asio::awaitable<void> sleep_until(std::chrono::steady_clock::time_point when) {
  asio::steady_timer timer(co_await asio::this_coro::executor, when);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<Result<void>> notified(Wakeup& wakeup, asio::any_io_executor executor) {
  co_await wakeup.wait(executor);
  co_return Result<void>{};
}

std::size_t BridgePool::State::place(const Lane& lane) const {
  const auto at = std::find_if(lanes.begin(), lanes.end(), [&](const auto& l) { return l.get() == &lane; });
  return static_cast<std::size_t>(at - lanes.begin());
}

// The likeliest first: not what is blocked here, what carries or carried here, and of equals the better.
std::vector<LanePtr> BridgePool::State::in_order() const {
  const auto now = Clock::now();
  const auto rank = [&](const LanePtr& l) {
    const bool rests = l->retry_at > now, blocked = l->record.since != 0;
    return std::tuple(rests, blocked, l->failures > 0, l != preferred, l->record.worked == 0, l->failures,
                      std::ranges::find(lanes, l));
  };
  auto order = lanes;
  std::ranges::sort(order, {}, rank);
  return order;
}

void BridgePool::State::set_down(bool now) {
  if (now == down) return;
  down = now;
  if (now)
    spdlog::warn("no bridge answers; blocked sites stay closed until one does");
  else
    spdlog::info("a bridge answers again: {}", preferred ? preferred->name() : "");
}

void BridgePool::State::worked(const LanePtr& lane) {
  if (!lane->worked) spdlog::info("bridge {} works", lane->name());
  lane->failures = 0;
  lane->worked = true;
  lane->heard = Clock::now();
  const auto status = lane->carrier->status();
  lane->session = status.session;
  lane->failures_known = status.failures;
}

void BridgePool::State::failed(const LanePtr& lane, error_code why) {
  const auto told = lane->carrier->status().last_error;
  if (lane->failures++ == 0) spdlog::info("bridge {} {}", lane->name(), bridge_trouble(told ? told : why));
}

void BridgePool::State::remember(Lane& lane, void (*note)(LaneRecord&, std::int64_t)) {
  const auto now = unix_seconds();
  const bool was_blocked = lane.record.since != 0;
  note(lane.record, now);
  options.memory->put(network, lane.key, lane.record);
  lane.retry_at = {};
  if (lane.record.since == 0) return;
  const auto pause = pause_after(lane.record, now);
  lane.retry_at = Clock::now() + pause;
  if (!was_blocked)
    spdlog::info("bridge {} is blocked on this network; tried again in {} s", lane.name(), pause.count());
}

void BridgePool::State::start_search(const LanePtr& suspect) {
  if (race || lanes.empty()) return;
  if (!suspect && preferred && preferred->carrier->status().failures > preferred->failures_known &&
      std::exchange(preferred->mourned, preferred->session) != preferred->session)
    note_death(*preferred);
  race = std::make_shared<LaneRace>(suspect);
  tasks.spawn(search(shared_from_this(), race));
}

asio::awaitable<void> BridgePool::State::attempt(Self s, LanePtr lane, std::shared_ptr<LaneRace> race) {
  struct Finished {  // also when cancelled
    Lane& lane;
    LaneRace& race;
    ~Finished() {
      --lane.trying;
      --race.running;
      race.changed.notify();
    }
  } const finished{*lane, *race};
  const auto begun = s->moves;
  const auto on = s->network;
  const auto answer = co_await lane->carrier->check(s->options.answer_limit);
  if (begun != s->moves || (!answer && on != s->network)) co_return;
  if (answer) {
    lane->rtt = *answer;
    s->worked(lane);
  } else {
    s->failed(lane, answer.error());
  }
  if (race->judged)
    s->lost_race(lane, answer.has_value());
  else if (answer)
    race->won_by(lane);
  else
    race->failed.push_back(lane);
}

asio::awaitable<void> BridgePool::State::search(Self s, std::shared_ptr<LaneRace> race) {
  struct Settle {
    State& state;
    ~Settle() {
      state.race.reset();
      state.settled.notify();
    }
  } const settle{*s};
  // What was tried while the network changed is tried again.
  for (auto begun = s->moves - 1; !race->winner && begun != s->moves;) {
    begun = s->moves;
    co_await try_lanes(s, race);
  }
  race->judged = true;
  const bool there = race->winner && s->place(*race->winner) < s->lanes.size();
  if (there) s->settle_on(race->winner, *race);
  s->set_down(!race->winner);
}

// Tries the lanes in order until one works. While nothing works, no more than one attempt per retry_pause.
asio::awaitable<void> BridgePool::State::try_lanes(Self s, std::shared_ptr<LaneRace> race) {
  for (const auto& lane : s->in_order()) {
    if (s->down) co_await sleep_until(s->last_attempt + s->options.retry_pause);
    if (race->winner) break;
    s->last_attempt = Clock::now();
    ++race->running;
    ++lane->trying;
    s->tasks.spawn(attempt(s, lane, race));
    if (lane == race->suspect) continue;  // its rival has waited already
    auto alone = s->options.stagger;
    if (lane->rtt.count() > 0)
      alone = std::chrono::duration_cast<milliseconds>(2 * lane->rtt) + milliseconds(100);
    const auto until = Clock::now() + std::min(alone, s->options.answer_limit);
    while (!race->winner && race->running > 0 && Clock::now() < until)
      (void)co_await with_timeout(until - Clock::now(), notified(race->changed, s->executor));
    if (race->winner) break;
  }
  while (!race->winner && race->running > 0) co_await race->changed.wait(s->executor);
}

// One lane works, which tells of the better ones that do not: they are what is blocked, and not the network.
void BridgePool::State::settle_on(const LanePtr& winner, const LaneRace& ran) {
  const auto before = std::exchange(preferred, winner);
  if (winner->record.worked == 0 || winner->record.since != 0 || before != winner)
    remember(*winner, note_worked);
  if (before && before != winner) {
    spdlog::info("bridge {} carries, in the place of {}", winner->name(), before->name());
    if (before == ran.suspect)
      remember(*before, note_relapsed);
    else
      before->carrier->retire();
    fallen = before == ran.suspect ? nullptr : before;
  }
  for (const auto& lane : ran.failed) lost_race(lane, false);
  const auto session = winner->carrier->status().session;
  for (auto& stream : unanswered) stream.settled_on(*winner, session);
}

// How an attempt ended that another lane was sooner than.
void BridgePool::State::lost_race(const LanePtr& lane, bool answers) {
  if (!preferred || lane == preferred || place(*lane) == lanes.size()) return;
  if (!better(*lane, *preferred)) {
    if (answers) lane->carrier->retire();  // nobody will go by it
  } else if (!answers) {
    remember(*lane, lane == fallen ? note_relapsed : note_refused);
  } else if (lane->retry_at <= Clock::now()) {
    consider_return();  // it was slow to begin with
  } else {
    lane->carrier->retire();
  }
}

// The lane that a running search finds; Errc::no_route when it finds none or patience ends first.
asio::awaitable<Result<LanePtr>> BridgePool::State::found(Self s) {
  const auto deadline =
      Clock::now() + (s->down ? s->options.patience : s->options.answer_limit + s->options.stagger);
  while (s->race && !s->up() && Clock::now() < deadline)
    (void)co_await with_timeout(deadline - Clock::now(), notified(s->settled, s->executor));
  if (!s->up()) co_return make_error_code(Errc::no_route);
  co_return s->preferred;
}

asio::awaitable<void> BridgePool::State::searched() {
  while (race) co_await settled.wait(executor);
}

}  // namespace surang::client
