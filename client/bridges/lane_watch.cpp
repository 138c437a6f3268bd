// How the BridgePool notices that a session is dead, or that its lane is blocked: by what is sent and not
// answered.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "client/bridges/pool_state.hpp"

namespace surang::client {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

constexpr double kAsksInARow = 10;  // PINGs because of a silence; one more each second
// A lane that dies so often in so short a time is given up, though it answers each time it is dialled.
constexpr std::size_t kDeaths = 3;
constexpr auto kDeathsWithin = 10min;
constexpr auto kCrawlLimit = 30s;  // for an answer by a session by which other bytes come

bool may_ask(Lane& lane, Lane::Clock::time_point now) {
  const std::chrono::duration<double> passed = now - std::exchange(lane.asks_at, now);
  lane.asks = std::min(kAsksInARow, lane.asks + passed.count());
  if (lane.asks < 1) return false;
  lane.asks -= 1;
  return true;
}

}  // namespace

void BridgePool::State::used(const LanePtr& lane) {
  if (!lane->carrier->shared()) return;
  const auto heard = lane->carrier->heard();
  if (heard == Clock::time_point{}) return;
  if (lane->watch.used(Clock::now(), heard, lane->rtt)) watch(lane);
}

void BridgePool::State::watch(const LanePtr& lane) {
  lane->look.set(lane->watch.next(), [pool = weak_from_this(), l = std::weak_ptr(lane)] {
    const auto self = pool.lock();
    const auto there = l.lock();
    if (self && there) self->look_at(there);
  });
}

// Since when the oldest of its streams that have no answer waits.
BridgePool::State::Clock::time_point BridgePool::State::waiting_since(const Lane& lane) const {
  for (const auto& stream : unanswered)
    if (stream.by(lane)) return stream.since();
  return {};
}

void BridgePool::State::look_at(const LanePtr& lane) {
  if (lane != preferred || !lane->live()) return lane->watch.rest();
  const auto now = Clock::now();
  const auto session = lane->carrier->status().session;
  switch (lane->watch.look(now, lane->carrier->heard(), waiting_since(*lane))) {
    case SilenceWatch::Step::rest:
      return;
    case SilenceWatch::Step::ask:
      if (const auto info = lane->carrier->carrier(session)) lane->acked = info->bytes_acked;
      if (!may_ask(*lane, now)) return lane->watch.rest();
      begin_to_verify(lane);
      break;
    case SilenceWatch::Step::suspect: {
      const auto info = lane->carrier->carrier(session);
      const bool takes = info && info->bytes_acked > lane->acked;
      if (!takes || !lane->watch.bear(now)) return suspect(lane);
      break;
    }
    case SilenceWatch::Step::wait:
      break;
  }
  watch(lane);
}

// Nothing goes by its session until it has answered after all; others are tried beside it, and so is a new
// session of its own.
void BridgePool::State::suspect(const LanePtr& lane) {
  lane->watch.rest();
  if (lane != preferred || !lane->live()) return;
  spdlog::info("bridge {} is silent; others are tried beside it", lane->name());
  lane->mourned = lane->carrier->status().session;
  note_death(*lane);
  begin_to_verify(lane);
  lane->carrier->doubt();
  LaneFlow::close_all(flows, *lane);
  start_search(lane);
}

void BridgePool::State::note_death(Lane& lane) {
  const auto now = Clock::now();
  std::erase_if(lane.deaths, [&](auto at) { return now - at > kDeathsWithin; });
  lane.deaths.push_back(now);
  if (lane.deaths.size() < kDeaths || lanes.size() < 2) return;
  lane.deaths.clear();
  remember(lane, note_relapsed);
}

// Asks a session not heard of for a while whether it still lives, beside what goes on by it. Where there is
// none, the dial itself will tell.
void BridgePool::State::doubt(const LanePtr& lane) {
  if (!lane->carrier->shared()) return;
  const auto heard = std::max(lane->heard, lane->carrier->heard());
  if (Clock::now() - heard > options.trust) begin_to_verify(lane);
}

void BridgePool::State::begin_to_verify(const LanePtr& lane) {
  if (std::exchange(lane->verifying, true)) return;
  tasks.spawn(verify(shared_from_this(), lane, lane->carrier->status().session));
}

// A session not heard of for a while may be dead without knowing (sleep, another network, a block).
asio::awaitable<void> BridgePool::State::verify(Self s, LanePtr lane, tunnel::SessionNumber session) {
  struct Done {
    Lane& lane;
    ~Done() { lane.verifying = false; }
  } const done{*lane};
  const auto begun = Clock::now();
  const auto network = s->moves;
  const auto rtt = std::chrono::duration_cast<milliseconds>(lane->rtt);
  auto answer = co_await lane->carrier->ping(session, milliseconds(1500) + 4 * rtt);
  if (network != s->moves) co_return;  // the session was left behind, there may be another by now
  const bool crawls = lane->carrier->heard(session) > begun;
  if (!answer && (crawls || lane->carrier->resumes())) {
    if (lane->carrier->status().session == session) s->suspect(lane);
    answer = co_await lane->carrier->ping(session, kCrawlLimit);
    if (network != s->moves || !answer) co_return;  // the session ends by itself when it is dead
  }
  if (answer) {
    lane->rtt = *answer;
    s->worked(lane);
    if (lane != s->preferred) co_return lane->carrier->retire(session);
    lane->carrier->trust(session);
    if (s->race && lane->live()) s->race->won_by(lane);
    co_return;
  }
  if (lane->heard <= begun) s->failed(lane, answer.error());
  // Whoever waits on it learns now, while there is time for another try.
  lane->carrier->abandon(session);
  if (!s->up()) s->start_search();
}

}  // namespace surang::client
