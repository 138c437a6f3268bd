#include "client/detection/race.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace surang::client {

using namespace std::chrono_literals;

Race::Race(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
           std::vector<PlannedWay> plan, Endpoint to, std::shared_ptr<const FirstFlight> flight)
    : executor_(executor),
      tools_(std::move(tools)),
      limits_(std::move(limits)),
      plan_(std::move(plan)),
      to_(std::move(to)),
      flight_(std::move(flight)),
      limit_(executor),
      group_(executor) {}

// The next attempt, by the way at `index` of the plan.
AttemptOrder Race::enter(std::size_t index) {
  AttemptOrder order(plan_[index].way, to_, flight_);
  order.judge_answer = flight_->replayable;
  order.compare_names =
      std::any_of(plan_.begin(), plan_.end(), [](const auto& p) { return p.way == Way::direct; });
  if (!flight_->replayable && index + 1 < plan_.size() && order.way != Way::tunnel)
    order.connect_limit = limits_.hedge.silence + 2 * limits_.hedge.assumed_rtt;
  order.beside = [this](asio::awaitable<void> task) { group_.spawn(std::move(task)); };
  order.head_start = std::move(tools_.head_start);
  if (is_evasion(order.way)) order.known = met();
  started_.push_back(index);
  attempts_.push_back(std::make_shared<Attempt>(order.way, Clock::now()));
  return order;
}

KnownOfHost Race::met() const {
  KnownOfHost known;
  for (const auto& a : attempts_) {
    if (a->view.way == Way::tunnel || a->view.outcome == Outcome::validated) continue;
    const auto dialled = a->dialled();
    known.failed.insert(known.failed.end(), dialled.begin(), dialled.end());
    known.names_lie |=
        a->view.way == Way::direct && (is_dns(a->view.signal) || a->view.signal == Signal::tls_certificate);
  }
  return known;
}

void Race::start(std::size_t index) {
  auto order = enter(index);
  group_.spawn(run_attempt(tools_, std::move(order), attempts_.back(), [this] { changed_.notify(); }));
}

asio::awaitable<void> Race::changed_or(Clock::time_point until) {
  limit_.set(until, [this] { changed_.notify(); });
  co_await changed_.wait(executor_);
}

std::shared_ptr<Attempt> Race::begin() {
  start(0);
  return attempts_.back();
}

asio::awaitable<std::shared_ptr<Attempt>> Race::still_served() {
  const auto direct = by(Way::direct);
  const bool waits = direct && direct->view.outcome == Outcome::pending && direct->view.sent &&
                     direct->view.stage == Stage::waiting && flight_->replayable &&
                     direct->silence() == Signal::http_silence;
  if (!waits) co_return nullptr;
  co_await close();  // the attempt lets go of its Stream
  if (!direct->stream || direct->view.outcome != Outcome::pending) co_return nullptr;
  co_return direct;
}

// With nothing to compare it with, it needs no task of its own.
asio::awaitable<std::shared_ptr<Attempt>> Race::by_open_tunnel(StreamPtr stream) {
  auto order = enter(0);
  order.opened = std::move(stream);
  const auto attempt = attempts_.back();
  bool late = false;
  Alarm budget(executor_);
  budget.set(limits_.budget, [&late, a = attempt.get()] {
    late = true;
    if (a->stream) a->stream->close(true);
  });
  co_await run_attempt(tools_, std::move(order), attempt, {});
  if (late) attempt->error = make_error_code(Errc::timed_out);
  if (attempt->failed()) co_return nullptr;
  co_return attempt;
}

asio::awaitable<std::shared_ptr<Attempt>> Race::run() {
  const bool unjudged_tunnel = plan_.size() == 1 && plan_[0].way == Way::tunnel && !flight_->replayable;
  if (unjudged_tunnel && tools_.tunnel)
    if (auto stream = tools_.tunnel->dial_at_once(to_)) return by_open_tunnel(std::move(stream));
  return by_any_way();
}

asio::awaitable<std::shared_ptr<Attempt>> Race::by_any_way() {
  const auto budget_end = Clock::now() + limits_.budget;
  std::vector<AttemptView> views;
  for (;;) {
    views.clear();
    for (const auto& a : attempts_) views.push_back(a->view);
    const auto now = Clock::now();
    const auto step = next_step(plan_, started_, views, flight_->replayable, limits_.hedge, budget_end, now);
    if (step.kind == Step::Kind::finish) {
      if (step.winner) co_return attempts_[*step.winner];
      co_return co_await still_served();
    }
    if (step.kind == Step::Kind::wait) {
      co_await changed_or(step.until);
    } else if (attempts_.empty() || !limits_.may_start_extra || limits_.may_start_extra()) {
      start(step.index);
    } else {
      co_await changed_or(std::min(now + 200ms, budget_end));
    }
  }
}

asio::awaitable<std::shared_ptr<Attempt>> Race::run_and_close() {
  std::shared_ptr<Attempt> winner;
  bool cancelled = false;
  try {
    winner = co_await run();
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted) throw;
    cancelled = true;
  }
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await close();
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);
  co_return winner;
}

asio::awaitable<bool> Race::wait_for_failure(std::shared_ptr<Attempt> attempt) {
  while (attempt->view.outcome == Outcome::pending) {
    const auto limit = silent_at(attempt->view, limits_.hedge);
    if (Clock::now() >= limit) {
      attempt->view.signal = attempt->silence();
      co_return true;
    }
    co_await changed_or(limit);
  }
  co_return attempt->view.outcome != Outcome::validated;
}

bool Race::ended_with(const Attempt* winner) const {
  return winner && attempts_.size() == 1 && attempts_.front().get() == winner && group_.size() == 0;
}

asio::awaitable<void> Race::close() {
  group_.cancel();
  co_await group_.join();
}

std::shared_ptr<Attempt> Race::by(Way way) const {
  for (auto it = attempts_.rbegin(); it != attempts_.rend(); ++it)
    if ((*it)->view.way == way) return *it;
  return nullptr;
}

error_code Race::error() const {
  // What the direct attempt met is the plainest; a tunnel's own failure only when nothing else was tried.
  error_code found = make_error_code(Errc::timed_out);
  bool any = false;
  for (const auto& a : attempts_) {
    if (!a->failed() || !a->error || a->view.signal == Signal::tunnel_failed) continue;
    if (!any) found = a->error;
    any = true;
  }
  if (!any)
    for (const auto& a : attempts_)
      if (a->failed() && a->error) found = a->error;
  return found;
}

}  // namespace surang::client
