#include "client/bridges/bridge_pool.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/bridges/bridge_trouble.hpp"
#include "client/bridges/lane.hpp"
#include "client/bridges/way_out.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::client {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookOut{100};
constexpr std::chrono::seconds kAskLimit{5};

asio::awaitable<void> sleep_until(Clock::time_point when) {
  asio::steady_timer timer(co_await asio::this_coro::executor, when);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<Result<void>> notified(Wakeup& wakeup, asio::any_io_executor executor) {
  co_await wakeup.wait(executor);
  co_return Result<void>{};
}

// Attempts of one search, on several lanes.
struct Race {
  LanePtr winner;
  std::size_t running = 0;
  Wakeup changed;
};

}  // namespace

struct BridgePool::State {
  using Self = std::shared_ptr<State>;

  State(asio::any_io_executor e, Factory f, BridgePoolOptions o)
      : executor(e), make(std::move(f)), options(o), tasks(e) {}

  const asio::any_io_executor executor;
  const Factory make;
  const BridgePoolOptions options;
  std::vector<LanePtr> lanes, retiring;
  LanePtr preferred;
  bool searching = false, keeping = false;
  bool down = false;  // the last search found nothing
  Clock::time_point last_attempt{}, last_use{}, next_look_out{};
  WayOut from;         // of the sessions
  unsigned moves = 0;  // to other networks
  Wakeup settled;      // a search ended
  TaskGroup tasks;

  bool up() const { return preferred && preferred->live(); }
  std::vector<LanePtr> in_order() const;

  void worked(const LanePtr& lane);
  void failed(const LanePtr& lane, error_code why);
  void set_down(bool now);

  void leave_old_network();
  static void start_search(const Self& s);
  static asio::awaitable<void> search(Self s);
  static asio::awaitable<LanePtr> try_lanes(Self s);
  static asio::awaitable<void> attempt(Self s, LanePtr lane, std::shared_ptr<Race> race);
  static asio::awaitable<Result<LanePtr>> found(Self s);
  static void doubt(const Self& s, const LanePtr& lane);
  static asio::awaitable<void> verify(Self s, LanePtr lane);
  static asio::awaitable<Result<tunnel::ReachAnswer>> ask(Self s, Endpoint to);
  static asio::awaitable<void> keep_warm(Self s);
  static asio::awaitable<void> retire(Self s, LanePtr lane);
};

std::vector<LanePtr> BridgePool::State::in_order() const {
  auto order = lanes;
  std::stable_sort(order.begin(), order.end(), [&](const LanePtr& a, const LanePtr& b) {
    if ((a->failures > 0) != (b->failures > 0)) return a->failures == 0;
    if ((a == preferred) != (b == preferred)) return a == preferred;
    return a->failures < b->failures;
  });
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
}

void BridgePool::State::failed(const LanePtr& lane, error_code why) {
  const auto told = lane->tunnel.status().last_error;
  if (lane->failures++ == 0) spdlog::info("bridge {} {}", lane->name(), bridge_trouble(told ? told : why));
}

void BridgePool::State::leave_old_network() {
  // Asking costs eight system calls: not for every connection of a page.
  if (Clock::now() < next_look_out) return;
  next_look_out = Clock::now() + kLookOut;
  const auto now = way_out(executor);
  if (!now.any() || !std::exchange(from, now).left_by(now)) return;
  ++moves;
  for (const auto& lane : lanes) {
    lane->tunnel.retire();
    lane->failures = 0;  // they were the other network's
  }
  spdlog::info("another network: the bridges are dialled afresh");
}

void BridgePool::State::start_search(const Self& s) {
  if (s->searching || s->lanes.empty()) return;
  s->searching = true;
  s->tasks.spawn(search(s));
}

asio::awaitable<void> BridgePool::State::attempt(Self s, LanePtr lane, std::shared_ptr<Race> race) {
  struct Finished {  // also when cancelled
    Race& race;
    ~Finished() {
      --race.running;
      race.changed.notify();
    }
  } const finished{*race};
  const auto begun = s->moves;
  const auto answer = co_await lane->tunnel.check(s->options.answer_limit);
  if (!answer) {
    if (begun == s->moves) s->failed(lane, answer.error());
    co_return;
  }
  s->worked(lane);
  if (!race->winner) race->winner = lane;
}

asio::awaitable<void> BridgePool::State::search(Self s) {
  struct Settle {
    State& state;
    ~Settle() {
      state.searching = false;
      state.settled.notify();
    }
  } const settle{*s};
  LanePtr winner;
  // What was tried while the network changed is tried again.
  for (auto begun = s->moves - 1; !winner && begun != s->moves;) {
    begun = s->moves;
    winner = co_await try_lanes(s);
  }
  const bool there = std::find(s->lanes.begin(), s->lanes.end(), winner) != s->lanes.end();
  if (winner && there) s->preferred = winner;
  s->set_down(!winner);
}

// Tries the lanes in order until one works. While nothing works, no more than one attempt per retry_pause.
asio::awaitable<LanePtr> BridgePool::State::try_lanes(Self s) {
  const auto race = std::make_shared<Race>();
  TaskGroup attempts(s->executor);
  for (const auto& lane : s->in_order()) {
    if (s->down) co_await sleep_until(s->last_attempt + s->options.retry_pause);
    s->last_attempt = Clock::now();
    ++race->running;
    attempts.spawn(attempt(s, lane, race));
    const auto stagger = Clock::now() + s->options.stagger;
    while (!race->winner && race->running > 0 && Clock::now() < stagger)
      (void)co_await with_timeout(stagger - Clock::now(), notified(race->changed, s->executor));
    if (race->winner) break;
  }
  while (!race->winner && race->running > 0) co_await race->changed.wait(s->executor);
  attempts.cancel();
  co_await attempts.join();
  co_return race->winner;
}

// The lane that a running search finds; Errc::no_route when it finds none or patience ends first.
asio::awaitable<Result<LanePtr>> BridgePool::State::found(Self s) {
  const auto deadline =
      Clock::now() + (s->down ? s->options.patience : s->options.answer_limit + s->options.stagger);
  while (s->searching && Clock::now() < deadline)
    (void)co_await with_timeout(deadline - Clock::now(), notified(s->settled, s->executor));
  if (!s->up()) co_return make_error_code(Errc::no_route);
  co_return s->preferred;
}

// Asks a session not heard of for a while whether it still lives, beside what goes on by it.
void BridgePool::State::doubt(const Self& s, const LanePtr& lane) {
  if (Clock::now() - lane->heard > s->options.trust && !std::exchange(lane->verifying, true))
    s->tasks.spawn(verify(s, lane));
}

// A session not heard of for a while may be dead without knowing (sleep, another network).
asio::awaitable<void> BridgePool::State::verify(Self s, LanePtr lane) {
  struct Done {
    Lane& lane;
    ~Done() { lane.verifying = false; }
  } const done{*lane};
  const auto begun = s->moves;
  const auto rtt = std::chrono::duration_cast<std::chrono::milliseconds>(lane->tunnel.status().rtt);
  const auto answer = co_await lane->tunnel.check(std::chrono::milliseconds(1500) + 4 * rtt);
  if (answer) {
    s->worked(lane);
    co_return;
  }
  if (begun != s->moves) co_return;  // the session was left behind, there may be another by now
  s->failed(lane, answer.error());
  // Whoever waits on it learns now, while there is time for another try.
  lane->tunnel.abandon();
  start_search(s);
}

// Makes a lost session again while the person is about; the next click then finds it there.
asio::awaitable<void> BridgePool::State::keep_warm(Self s) {
  struct Done {
    State& state;
    ~Done() { state.keeping = false; }
  } const done{*s};
  int misses = 0;
  while (Clock::now() - s->last_use < s->options.warm) {
    co_await sleep_until(Clock::now() + s->options.retry_pause * std::min(1 + misses, 5));
    misses = s->up() ? 0 : misses + 1;
    if (!s->up()) start_search(s);
  }
}

asio::awaitable<void> BridgePool::State::retire(Self s, LanePtr lane) {
  lane->tunnel.retire();
  const auto deadline = Clock::now() + std::chrono::minutes(10);
  while (lane->tunnel.status().open_streams > 0 && Clock::now() < deadline)
    co_await sleep_until(Clock::now() + s->options.retry_pause);
  co_await lane->tunnel.close();
  std::erase(s->retiring, lane);
}

BridgePool::BridgePool(asio::any_io_executor executor, Factory make, BridgePoolOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(make), options)) {}

BridgePool::~BridgePool() {
  state_->tasks.cancel();
}

std::vector<std::string> BridgePool::set_bridges(const std::vector<config::ShareLink>& links) {
  auto& s = *state_;
  std::vector<std::string> problems;
  std::vector<LanePtr> next;
  for (const auto& link : links) {
    const auto& host = link.bridge.hosts.empty() ? std::string() : link.bridge.hosts.front();
    const auto& name = link.name.empty() ? host : link.name;
    for (const auto& spec : link.transports) {
      const auto kept = std::find_if(s.lanes.begin(), s.lanes.end(), [&](const LanePtr& lane) {
        return lane->id == link.bridge && lane->spec == spec && lane->bridge == name;
      });
      if (kept != s.lanes.end()) {
        next.push_back(*kept);
        continue;
      }
      std::string why;
      auto transport = s.make(spec, link.bridge, why);
      if (!transport) {
        auto& problem = problems.emplace_back("bridge ");
        problem.append(name).append(": ").append(spec.name).append(" cannot be used: ").append(why);
        continue;
      }
      next.push_back(std::make_shared<Lane>(s.executor, link.bridge, spec, name, std::move(*transport),
                                            s.options.tunnel));
    }
  }
  // Somebody may have just mended things: what is new is tried without delay.
  if (next.size() != s.lanes.size() || !std::equal(next.begin(), next.end(), s.lanes.begin())) s.down = false;
  std::swap(s.lanes, next);
  for (const auto& lane : next) {
    if (std::find(s.lanes.begin(), s.lanes.end(), lane) != s.lanes.end()) continue;
    if (lane == s.preferred) s.preferred.reset();
    s.retiring.push_back(lane);
    s.tasks.spawn(State::retire(state_, lane));
  }
  return problems;
}

StreamPtr BridgePool::dial_at_once(const Endpoint& to) {
  const auto& s = state_;
  if (s->lanes.empty()) return nullptr;
  s->last_use = Clock::now();
  if (!std::exchange(s->keeping, true)) s->tasks.spawn(State::keep_warm(s));

  s->leave_old_network();
  if (!s->up()) return nullptr;
  const LanePtr lane = s->preferred;
  State::doubt(s, lane);
  return lane->tunnel.dial_at_once(to);
}

asio::awaitable<Result<StreamPtr>> BridgePool::dial(Endpoint to) {
  const auto s = state_;
  if (auto stream = dial_at_once(to)) co_return stream;
  if (s->lanes.empty()) co_return make_error_code(Errc::no_route);
  const LanePtr lane = s->preferred;
  State::start_search(s);
  // The likeliest lane is spoken to at once, so that the CONNECT rides in the first flight of the new
  // session; and with no other lane to wait for, so does what the browser said first.
  const LanePtr likely = lane ? lane : s->in_order().front();
  const bool only = s->lanes.size() == 1;
  StreamPtr early;
  if (likely->failures == 0) {
    auto stream =
        co_await with_timeout(only ? s->options.answer_limit : s->options.stagger, likely->tunnel.dial(to));
    if (stream && only) co_return stream;
    if (stream) early = std::move(*stream);
  }
  const auto found = co_await State::found(s);
  if (!found) co_return found.error();
  if (early && *found == likely) co_return std::move(early);
  co_return co_await (*found)->tunnel.dial(std::move(to));
}

asio::awaitable<Result<tunnel::ReachAnswer>> BridgePool::State::ask(Self s, Endpoint to) {
  s->leave_old_network();
  if (!s->up()) {
    const auto lane = co_await found(s);  // at once when nothing is searched
    if (!lane) co_return lane.error();
  }
  const LanePtr lane = s->preferred;
  doubt(s, lane);
  auto answer = co_await lane->tunnel.reach(std::move(to));
  if (answer) lane->heard = Clock::now();
  co_return answer;
}

asio::awaitable<Result<tunnel::ReachAnswer>> BridgePool::reach(Endpoint to) {
  return with_timeout(kAskLimit, State::ask(state_, std::move(to)));
}

void BridgePool::network_changed() {
  const auto& s = state_;
  if (s->lanes.empty()) return;
  if (s->from.any() && !way_out(s->executor).any()) return;  // between two networks
  s->next_look_out = {};
  s->leave_old_network();
  s->down = false;  // of the network that was left
  const LanePtr lane = s->preferred;
  if (s->up()) {
    if (!std::exchange(lane->verifying, true)) s->tasks.spawn(State::verify(s, lane));
  } else if (Clock::now() - s->last_use < s->options.warm) {
    State::start_search(s);
  }
}

bool BridgePool::empty() const {
  return state_->lanes.empty();
}

std::vector<LaneStatus> BridgePool::status() const {
  std::vector<LaneStatus> out;
  for (const auto& lane : state_->lanes)
    out.push_back({lane->name(), lane->bridge, lane->spec.name, lane == state_->preferred, lane->failures,
                   lane->tunnel.status()});
  return out;
}

asio::awaitable<void> BridgePool::check_all() {
  const auto s = state_;
  const auto race = std::make_shared<Race>();
  TaskGroup attempts(s->executor);
  for (const auto& lane : s->lanes) {
    ++race->running;
    attempts.spawn(State::attempt(s, lane, race));
  }
  while (race->running > 0) co_await race->changed.wait(s->executor);
  if (race->winner && !s->up()) {
    s->preferred = race->winner;
    s->set_down(false);
  }
}

asio::awaitable<void> BridgePool::stop() {
  const auto s = state_;
  s->tasks.cancel();
  co_await s->tasks.join();
  auto lanes = std::exchange(s->lanes, {});
  lanes.insert(lanes.end(), s->retiring.begin(), s->retiring.end());
  s->retiring.clear();
  s->preferred.reset();
  for (const auto& lane : lanes) co_await lane->tunnel.close();
}

}  // namespace surang::client
