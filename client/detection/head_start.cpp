#include "client/detection/head_start.hpp"

#include <algorithm>

#include "client/detection/attempt.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

// Sites give a silent connection more time than that, and what happened to it meanwhile says nothing of the flight.
constexpr auto kFresh = 2s;

}  // namespace

struct HeadStart::State {
  State(std::shared_ptr<void> o, const AttemptTools& t, Endpoint endpoint)
      : owner(std::move(o)), tools(t), to(std::move(endpoint)) {}

  // Wakes who waits, however the task ends.
  struct Running {
    State& state;
    Running(State& s, TaskGroup::Task task) : state(s) { s.task = task; }
    ~Running() {
      state.task.reset();
      state.ended = true;
      state.over.notify();
    }
  };

  const std::shared_ptr<void> owner;
  const AttemptTools tools;
  const Endpoint to;
  const Clock::time_point begun = Clock::now();
  std::optional<TaskGroup::Task> task;
  bool unwanted = false, ended = false;
  std::vector<asio::ip::address> addresses;
  std::vector<ConnectAttempt> connects;
  std::optional<Result<StreamPtr>> opened;
  Wakeup over;
};

HeadStart::HeadStart(TaskGroup& tasks, std::shared_ptr<void> owner, const AttemptTools& tools, Endpoint to)
    : state_(std::make_shared<State>(std::move(owner), tools, std::move(to))) {
  tasks.spawn([this](TaskGroup::Task task) { return run(state_, task); });
}

HeadStart::~HeadStart() {
  state_->unwanted = true;
  if (state_->task) state_->task->cancel();
}

asio::awaitable<void> HeadStart::run(std::shared_ptr<State> state, TaskGroup::Task task) {
  if (state->unwanted) co_return;
  const State::Running running(*state, task);
  const auto& tools = state->tools;
  const auto answer = co_await tools.names->system(state->to.host());
  const auto& addresses = answer.addresses;
  if (addresses.empty()) co_return;
  if (tools.dead_address && std::all_of(addresses.begin(), addresses.end(), tools.dead_address)) co_return;
  state->addresses = addresses;
  state->opened = co_await tools.connector->connect(addresses, state->to.port(), &state->connects);
}

asio::awaitable<std::optional<Result<StreamPtr>>> HeadStart::take(std::vector<asio::ip::address> addresses,
                                                                  std::vector<ConnectAttempt>& connects) {
  const auto state = state_;
  if (Clock::now() - state->begun > kFresh) co_return std::nullopt;
  const auto executor = co_await asio::this_coro::executor;
  while (!state->ended && (state->addresses.empty() || state->addresses == addresses)) {
    co_await state->over.wait(executor);
  }
  if (!state->opened || state->addresses != addresses) co_return std::nullopt;
  connects = std::move(state->connects);
  co_return std::exchange(state->opened, std::nullopt);
}

}  // namespace surang::client
