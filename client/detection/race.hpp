// Tries the ways of a plan for one connection, each started when hedge.hpp says so, until one gives an answer
// that stands. Knows no verdicts; what it saw stays in its attempts.
#pragma once

#include <memory>
#include <vector>

#include "client/detection/attempt.hpp"
#include "transports/core/alarm.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::client {

struct RaceLimits {
  HedgeLimits hedge;
  Clock::duration budget = std::chrono::seconds(20);
  /// Asked before a way is started beside or after another; false holds it back for a while (an outage).
  std::function<bool()> may_start_extra;
};

class Race {
 public:
  Race(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits, std::vector<PlannedWay> plan,
       Endpoint to, std::shared_ptr<const FirstFlight> flight);

  /// The winning attempt, or nothing when all failed or the budget is spent. Losers are left as they are. A
  /// request that the site has received and is still at work on wins in the end, with its answer unjudged.
  asio::awaitable<std::shared_ptr<Attempt>> run();

  /// Instead of run: starts the plan's first way, for wait_for_failure to follow.
  std::shared_ptr<Attempt> begin();

  /// The same for a probe of our own: whatever way it ends, nothing of it runs afterwards.
  asio::awaitable<std::shared_ptr<Attempt>> run_and_close();

  /// After run: waits until `attempt` has ended or has been silent for long enough to count as failed.
  /// True when it failed (view.signal is then set), false when it answered.
  asio::awaitable<bool> wait_for_failure(std::shared_ptr<Attempt> attempt);

  /// Ends what still runs. To be awaited before the Race is destroyed; not cancellable.
  asio::awaitable<void> close();

  /// Whether `winner` was the only attempt and nothing of it or beside it runs any more.
  bool ended_with(const Attempt* winner) const;
  /// The latest attempt by `way`; null when none was started.
  std::shared_ptr<Attempt> by(Way way) const;
  const std::vector<std::shared_ptr<Attempt>>& attempts() const { return attempts_; }
  /// What its attempts so far have met that did not work, for an evasion.
  KnownOfHost met() const;
  const Endpoint& to() const { return to_; }
  const FirstFlight& flight() const { return *flight_; }
  /// The error that the browser should hear of.
  error_code error() const;

 private:
  AttemptOrder enter(std::size_t index);
  void start(std::size_t index);
  asio::awaitable<std::shared_ptr<Attempt>> by_open_tunnel(StreamPtr stream);
  asio::awaitable<std::shared_ptr<Attempt>> by_any_way();
  asio::awaitable<std::shared_ptr<Attempt>> still_served();
  asio::awaitable<void> changed_or(Clock::time_point until);

  asio::any_io_executor executor_;
  AttemptTools tools_;
  RaceLimits limits_;
  std::vector<PlannedWay> plan_;
  Endpoint to_;
  std::shared_ptr<const FirstFlight> flight_;
  std::vector<std::size_t> started_;
  std::vector<std::shared_ptr<Attempt>> attempts_;
  Wakeup changed_;
  Alarm limit_;
  TaskGroup group_;
};

}  // namespace surang::client
