#include "client/detection/head_start.hpp"

#include <algorithm>

#include "client/detection/attempt.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/tcp/tcp_info.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

// Sites wait longer than that for the first bytes; what befalls an older connection must not be blamed on the
// flight.
constexpr auto kFresh = 2s;

bool stands(const Stream& stream) {
  const auto info = tcp_info(stream.native_socket());
  return !info || info->established;
}

}  // namespace

struct HeadStart::State {
  State(std::shared_ptr<void> o, const AttemptTools& t, Endpoint endpoint, Stay s)
      : owner(std::move(o)), tools(t), to(std::move(endpoint)), stay(s) {}

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
  const Stay stay;
  std::optional<TaskGroup::Task> task;
  bool ended = false;
  std::vector<asio::ip::address> addresses;  // none before they are known
  std::vector<ConnectAttempt> connects;
  std::optional<Taken> taken;
  Wakeup over;
};

HeadStart::HeadStart(TaskGroup& tasks, std::shared_ptr<void> owner, const AttemptTools& tools, Endpoint to,
                     Stay stay)
    : state_(std::make_shared<State>(std::move(owner), tools, std::move(to), stay)) {
  tasks.spawn([this](TaskGroup::Task task) { return run(state_, task); });
}

HeadStart::~HeadStart() {
  if (state_->task) state_->task->cancel();
}

Stay HeadStart::stay() const noexcept {
  return state_->stay;
}

asio::awaitable<void> HeadStart::run(std::shared_ptr<State> state, TaskGroup::Task task) {
  const State::Running running(*state, task);
  const auto& tools = state->tools;
  const auto answer = co_await tools.names->system(state->to.host());
  const auto& addresses = answer.addresses;
  if (addresses.empty()) co_return;
  if (tools.dead_address && std::all_of(addresses.begin(), addresses.end(), tools.dead_address)) co_return;
  state->addresses = addresses;
  auto opened = co_await tools.connector->connect(addresses, state->to.port(), &state->connects);
  state->taken.emplace(std::move(opened), Clock::now());
}

asio::awaitable<std::optional<HeadStart::Taken>> HeadStart::take(std::vector<asio::ip::address> addresses,
                                                                 std::vector<ConnectAttempt>& connects) {
  const auto state = state_;
  if (state->addresses != addresses) co_return std::nullopt;
  const bool before = state->ended;
  const auto executor = co_await asio::this_coro::executor;
  while (!state->ended) co_await state->over.wait(executor);
  if (!state->taken) co_return std::nullopt;
  const auto& opened = state->taken->opened;
  if (before && (!opened || !stands(**opened) || Clock::now() - state->taken->since > kFresh))
    co_return std::nullopt;
  connects = std::move(state->connects);
  co_return std::exchange(state->taken, std::nullopt);
}

}  // namespace surang::client
