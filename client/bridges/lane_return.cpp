// How the BridgePool keeps what it has while the person is about, goes back to a better lane, and takes its
// memory of another network up.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "client/bridges/pool_state.hpp"

namespace surang::client {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds kLookOut{100};
constexpr auto kConfirm = 5s;  // between the two answers of a lane that is to be preferred again
// Bytes in a second by which a line that carries something crawls: above the one it is idle, above the other
// it is not.
constexpr std::uint64_t kTrickle = 60'000, kCrawl = 190'000;
constexpr unsigned kCrawls = 4;  // seconds in a row
constexpr auto kCrawlPause = 1min;

}  // namespace

void BridgePool::State::leave_old_network() {
  // Asking costs eight system calls: not for every connection of a page.
  if (Clock::now() < next_look_out) return;
  next_look_out = Clock::now() + kLookOut;
  const auto now = way_out(executor);
  if (now.any() && std::exchange(from, now).left_by(now)) {
    ++moves;
    fallen.reset();
    bool goes_on = false;
    for (const auto& lane : lanes) {
      const bool follows = lane->carrier->start_afresh();
      if (!follows) LaneFlow::close_all(flows, *lane);
      if (lane == preferred) goes_on = follows;
      lane->retry_at = {};
      lane->failures = 0;  // they were the other network's
      lane->rtt = {};
    }
    for (const auto& lane : retiring) LaneFlow::close_all(flows, *lane);
    if (goes_on)
      spdlog::info("another network: bridge {} goes on by it", preferred->name());
    else
      spdlog::info("another network: the bridges are dialled afresh");
  }
  arrive();
}

// On another network than before: what is known there, and what was blocked there is tried again at once.
void BridgePool::State::arrive() {
  auto here = options.network ? options.network() : std::string();
  const bool moved = here != network;
  network = std::move(here);
  for (const auto& lane : lanes) {
    if (!moved && std::exchange(lane->remembered, true)) continue;
    lane->record = options.memory->find(network, lane->key);
    lane->remembered = true;
    lane->retry_at = {};
    lane->deaths.clear();
  }
  if (!moved) return;
  fallen.reset();
  if (!up()) preferred.reset();
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
    if (s->up()) {
      s->look_at_speed();
      s->consider_return();
    } else {
      s->start_search();
    }
  }
}

// Whether a better lane than the one that carries is to be tried again.
void BridgePool::State::consider_return() {
  if (returning || race || !up()) return;
  const auto now = Clock::now();
  for (const auto& lane : lanes) {
    if (lane == preferred) return;
    if (lane->retry_at > now || lane->trying > 0) continue;
    returning = true;
    tasks.spawn(come_back(shared_from_this(), lane));
    return;
  }
}

asio::awaitable<void> BridgePool::State::come_back(Self s, LanePtr lane) {
  struct Done {
    State& state;
    ~Done() { state.returning = false; }
  } const done{*s};
  const auto begun = s->moves;
  const auto on = s->network;
  for (const auto pause : {0s, kConfirm}) {
    if (pause > 0s) co_await sleep_until(Clock::now() + pause);
    const auto answer = co_await lane->carrier->check(s->options.answer_limit);
    if (begun != s->moves || on != s->network || !s->up() || s->place(*lane) >= s->place(*s->preferred))
      co_return;
    const bool in_time = answer && *answer < 2 * s->preferred->rtt + 500ms;
    if (!in_time) {
      if (!answer) s->failed(lane, answer.error());
      s->remember(*lane, note_refused);
      co_return lane->carrier->give_up();
    }
    lane->rtt = *answer;
    s->worked(lane);
  }
  if (s->race) co_return;  // the one that carries is silent: that search decides
  const auto before = std::exchange(s->preferred, lane);
  s->remember(*lane, note_worked);
  spdlog::info("bridge {} works here again; {} is left", lane->name(), before->name());
  before->carrier->retire();
}

// UDP that is let through slowly (some providers police it) shows by nothing else: it answers, and at once.
// Whatever asks for no more than that, or a line that is slow itself, makes another lane carry for a while,
// which is no worse but for calls: flows of datagrams stay where they are.
void BridgePool::State::look_at_speed() {
  const LanePtr lane = preferred;
  const auto status = lane->carrier->status();
  const auto came = status.bytes_down - std::exchange(lane->bytes_down, status.bytes_down);
  const bool crawls = status.open_streams > 0 && came >= kTrickle && came < kCrawl;
  lane->slow = crawls ? lane->slow + 1 : 0;
  const auto now = Clock::now();
  if (lane->spec.name != "quic" || !flows.empty() || lane->slow < kCrawls || now < lane->crawl_at ||
      returning || race)
    return;
  lane->slow = 0;
  lane->crawl_at = now + kCrawlPause;
  returning = true;
  tasks.spawn(leave_crawl(shared_from_this(), lane));
}

asio::awaitable<void> BridgePool::State::leave_crawl(Self s, LanePtr lane) {
  struct Done {
    State& state;
    ~Done() { state.returning = false; }
  } const done{*s};
  const auto begun = s->moves;
  for (const auto& other : s->in_order()) {
    if (other == lane) continue;
    const auto answer = co_await other->carrier->check(s->options.answer_limit);
    if (begun != s->moves || s->race || s->preferred != lane || s->place(*other) == s->lanes.size())
      co_return;
    if (!answer) {
      s->failed(other, answer.error());
      continue;
    }
    other->rtt = *answer;
    s->worked(other);
    s->preferred = other;
    s->remember(*lane, note_relapsed);
    s->remember(*other, note_worked);
    spdlog::info("bridge {} crawls; {} carries in its place", lane->name(), other->name());
    lane->carrier->retire();
    co_return;
  }
}

asio::awaitable<void> BridgePool::State::retire(Self s, LanePtr lane) {
  lane->carrier->retire();
  const auto deadline = Clock::now() + std::chrono::minutes(10);
  while (lane->carrier->status().open_streams > 0 && Clock::now() < deadline)
    co_await sleep_until(Clock::now() + s->options.retry_pause);
  co_await lane->carrier->close();
  std::erase(s->retiring, lane);
}

}  // namespace surang::client
