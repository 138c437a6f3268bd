// The BridgePool's inside, shared by its parts: what is asked of it (bridge_pool.cpp), how it finds a lane
// that works (lane_search.cpp), notices that one does no longer (lane_watch.cpp), and goes back to a better
// one (lane_return.cpp). Included by these only.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "client/bridges/bridge_pool.hpp"
#include "client/bridges/lane.hpp"
#include "client/bridges/lane_flow.hpp"
#include "client/bridges/movable_stream.hpp"
#include "client/bridges/way_out.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::client {

// Attempts of one search, on several lanes. Those that have not ended when it is won go on: how they end says
// whether their lanes are blocked.
struct LaneRace {
  explicit LaneRace(LanePtr silent = nullptr) : suspect(std::move(silent)) {}
  const LanePtr suspect;  // why it is run; null: nothing carried
  LanePtr winner;
  std::vector<LanePtr> failed;
  std::size_t running = 0;
  bool judged = false;  // its winner is preferred by now
  Wakeup changed;

  void won_by(const LanePtr& lane) {
    if (!winner) winner = lane;
    changed.notify();
  }
};

struct BridgePool::State : MovableStream::Pool, std::enable_shared_from_this<BridgePool::State> {
  using Clock = std::chrono::steady_clock;
  using Self = std::shared_ptr<State>;

  State(asio::any_io_executor e, Factory f, BridgePoolOptions o)
      : executor(e), make(std::move(f)), options(std::move(o)), tasks(e) {
    if (!options.memory) options.memory = std::make_shared<LaneStore>();
  }

  const asio::any_io_executor executor;
  const Factory make;
  BridgePoolOptions options;
  std::vector<LanePtr> lanes, retiring;  // the better the sooner
  LanePtr preferred;
  LanePtr fallen;  // carried here until another was sooner; whether it still works is not known yet
  std::shared_ptr<LaneRace> race;  // while a search runs
  bool keeping = false, returning = false;
  bool down = false;  // the last search found nothing
  Clock::time_point last_attempt{}, last_use{}, next_look_out{};
  std::string network;  // that the lanes' records are of
  WayOut from;          // of the sessions
  unsigned moves = 0;   // to other networks
  LaneFlow::List flows;
  Wakeup settled;  // a search ended
  TaskGroup tasks;

  bool up() const { return preferred && preferred->live(); }
  static bool ready(const Self& s);
  std::vector<LanePtr> in_order() const;
  std::size_t place(const Lane& lane) const;  // in `lanes`; their number when it is none of them
  bool better(const Lane& a, const Lane& b) const { return place(a) < place(b); }
  std::unique_ptr<Carrier> make_carrier(const config::ShareLink& link, const TransportSpec& spec,
                                        std::string& why) const;
  StreamPtr movable(Endpoint to, LanePtr lane, StreamPtr stream, bool proven);

  // For MovableStream.
  asio::awaitable<Result<Carried>> another(Endpoint to) override;
  asio::awaitable<void> searched() override;
  bool may_repeat(std::span<const std::uint8_t> said) const override;
  void used(const LanePtr& lane) override;

  void worked(const LanePtr& lane);
  void failed(const LanePtr& lane, error_code why);
  void set_down(bool now);
  void remember(Lane& lane, void (*note)(LaneRecord&, std::int64_t));

  void leave_old_network();
  void arrive();
  void start_search(const LanePtr& suspect = nullptr);
  static asio::awaitable<void> search(Self s, std::shared_ptr<LaneRace> race);
  static asio::awaitable<void> try_lanes(Self s, std::shared_ptr<LaneRace> race);
  static asio::awaitable<void> attempt(Self s, LanePtr lane, std::shared_ptr<LaneRace> race);
  static asio::awaitable<Result<LanePtr>> found(Self s);
  void settle_on(const LanePtr& winner, const LaneRace& ran);
  void lost_race(const LanePtr& lane, bool answers);

  void doubt(const LanePtr& lane);
  void watch(const LanePtr& lane);
  void look_at(const LanePtr& lane);
  Clock::time_point waiting_since(const Lane& lane) const;
  void suspect(const LanePtr& lane);
  void note_death(Lane& lane);
  void begin_to_verify(const LanePtr& lane);
  static asio::awaitable<void> verify(Self s, LanePtr lane, tunnel::SessionNumber session);
  static asio::awaitable<Result<tunnel::ReachAnswer>> ask(Self s, Endpoint to);

  static asio::awaitable<void> keep_warm(Self s);
  void consider_return();
  static asio::awaitable<void> come_back(Self s, LanePtr lane);
  void look_at_speed();
  static asio::awaitable<void> leave_crawl(Self s, LanePtr lane);
  static asio::awaitable<void> retire(Self s, LanePtr lane);
};

/// Unix seconds.
std::int64_t unix_seconds();
asio::awaitable<void> sleep_until(std::chrono::steady_clock::time_point when);
asio::awaitable<Result<void>> notified(Wakeup& wakeup, asio::any_io_executor executor);

}  // namespace surang::client
