#include "client/bridges/bridge_pool.hpp"

#include <algorithm>

#include "client/bridges/pool_state.hpp"
#include "transports/core/timeout.hpp"

namespace surang::client {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kAskLimit{5};

}  // namespace

BridgePool::BridgePool(asio::any_io_executor executor, Factory make, BridgePoolOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(make), std::move(options))) {}

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
      auto carrier = s.make_carrier(link, spec, why);
      if (!carrier) {
        auto& problem = problems.emplace_back("bridge ");
        problem.append(name).append(": ").append(label(spec)).append(" cannot be used: ").append(why);
        continue;
      }
      next.push_back(std::make_shared<Lane>(s.executor, link.bridge, spec, name, std::move(carrier)));
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

// Null, with the reason, when there is none.
std::unique_ptr<Carrier> BridgePool::State::make_carrier(const config::ShareLink& link,
                                                         const TransportSpec& spec, std::string& why) const {
  if (!link.foreign) {
    auto sessions = make(spec, link.bridge, why);
    if (!sessions) return nullptr;
    return make_tunnel_carrier(executor, std::move(*sessions), options.tunnel);
  }
  if (!options.make_raw) {
    why = "a bridge line is of no use here";
    return nullptr;
  }
  auto raw = options.make_raw(spec, link.bridge, why);
  return raw ? make_socks_carrier(std::move(*raw)) : nullptr;
}

StreamPtr BridgePool::State::movable(Endpoint to, LanePtr lane, StreamPtr stream, bool proven) {
  used(lane);
  Carried carried(std::move(lane), std::move(stream));
  return std::make_unique<MovableStream>(shared_from_this(), std::move(to), std::move(carried), proven);
}

// Whether the preferred lane may be taken as it is.
bool BridgePool::State::ready(const Self& s) {
  s->last_use = Clock::now();
  if (!std::exchange(s->keeping, true)) s->tasks.spawn(keep_warm(s));
  s->leave_old_network();
  return s->up();
}

StreamPtr BridgePool::dial_at_once(const Endpoint& to) {
  const auto& s = state_;
  if (s->lanes.empty() || !State::ready(s)) return nullptr;
  const LanePtr lane = s->preferred;
  s->doubt(lane);
  auto stream = lane->carrier->dial_at_once(to);
  return stream ? s->movable(to, lane, std::move(stream), true) : nullptr;
}

asio::awaitable<Result<StreamPtr>> BridgePool::dial(Endpoint to) {
  const auto s = state_;
  if (auto stream = dial_at_once(to)) co_return stream;
  if (s->lanes.empty()) co_return make_error_code(Errc::no_route);
  if (!s->up() || s->preferred->carrier->shared()) {
    s->start_search();
    // The likeliest lane is spoken to at once, so that the CONNECT and what the browser said first ride in
    // the first flight of the new session. With other lanes about, both go over to the one that is found.
    const LanePtr likely = s->in_order().front();
    const bool only = s->lanes.size() == 1;
    if (likely->carrier->shared() && likely->failures == 0) {
      auto stream = co_await with_timeout(only ? s->options.answer_limit : s->options.stagger,
                                          likely->carrier->dial(to));
      if (stream) co_return s->movable(std::move(to), likely, std::move(*stream), only);
    }
  }
  auto found = co_await s->another(to);
  if (!found) co_return found.error();
  if (!found->lane->carrier->shared()) co_return std::move(found->stream);  // connected to the site
  co_return s->movable(std::move(to), std::move(found->lane), std::move(found->stream), true);
}

asio::awaitable<Result<DatagramFlowPtr>> BridgePool::open() {
  const auto s = state_;
  if (s->lanes.empty()) co_return make_error_code(Errc::no_route);
  if (!State::ready(s)) {
    s->start_search();
    const auto found = co_await State::found(s);
    if (!found) co_return found.error();
  }
  const LanePtr lane = s->preferred;
  s->doubt(lane);
  auto opened = co_await lane->carrier->open();
  if (!opened) co_return opened.error();
  auto flow = std::make_unique<LaneFlow>(std::move(*opened), lane, [pool = std::weak_ptr(s), lane] {
    if (const auto self = pool.lock()) self->used(lane);
  });
  s->flows.push_back(*flow);
  co_return flow;
}

asio::awaitable<Result<Carried>> BridgePool::State::another(Endpoint to) {
  const auto self = shared_from_this();
  for (bool again = true;; again = false) {
    if (!up()) {
      start_search();
      const auto lane = co_await found(self);
      if (!lane) co_return lane.error();
    }
    const LanePtr lane = preferred;
    auto stream = co_await lane->carrier->dial(to);
    if (stream) {
      used(lane);
      co_return Carried(lane, std::move(*stream));
    }
    // Without a session, only a dial shows that a lane is dead.
    if (!again || lane->carrier->shared() || lane->live()) co_return stream.error();
  }
}

bool BridgePool::State::may_repeat(std::span<const std::uint8_t> said) const {
  return options.may_repeat && options.may_repeat(said);
}

asio::awaitable<Result<tunnel::ReachAnswer>> BridgePool::State::ask(Self s, Endpoint to) {
  s->leave_old_network();
  if (!s->up()) {
    const auto lane = co_await found(s);  // at once when nothing is searched
    if (!lane) co_return lane.error();
  }
  const LanePtr lane = s->preferred;
  s->doubt(lane);
  s->used(lane);
  co_return co_await lane->carrier->reach(std::move(to));
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
  for (const auto& lane : s->lanes) lane->retry_at = {};
  if (s->up())
    s->begin_to_verify(s->preferred);
  else if (Clock::now() - s->last_use < s->options.warm)
    s->start_search();
}

bool BridgePool::empty() const {
  return state_->lanes.empty();
}

std::vector<LaneStatus> BridgePool::status() const {
  const auto now = Clock::now();
  std::vector<LaneStatus> out;
  for (const auto& lane : state_->lanes) {
    auto& told = out.emplace_back();
    told.name = lane->name();
    told.bridge = lane->bridge;
    told.transport = label(lane->spec);
    told.preferred = lane == state_->preferred;
    told.failures = lane->failures;
    told.tunnel = lane->carrier->status();
    told.blocked_since = lane->record.since;
    if (lane->retry_at > now) told.retry_in = std::chrono::ceil<std::chrono::seconds>(lane->retry_at - now);
  }
  return out;
}

asio::awaitable<void> BridgePool::check_all() {
  const auto s = state_;
  const auto race = std::make_shared<LaneRace>();
  for (const auto& lane : s->lanes) {
    ++race->running;
    ++lane->trying;
    s->tasks.spawn(State::attempt(s, lane, race));
  }
  while (race->running > 0) co_await race->changed.wait(s->executor);
  if (!race->winner || s->up()) co_return;
  s->settle_on(race->winner, *race);
  s->set_down(false);
}

asio::awaitable<void> BridgePool::stop() {
  const auto s = state_;
  s->tasks.cancel();
  co_await s->tasks.join();
  auto lanes = std::exchange(s->lanes, {});
  lanes.insert(lanes.end(), s->retiring.begin(), s->retiring.end());
  s->retiring.clear();
  s->preferred.reset();
  for (const auto& lane : lanes) co_await lane->carrier->close();
}

}  // namespace surang::client
