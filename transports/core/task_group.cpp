#include "transports/core/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <exception>

#include "transports/core/wakeup.hpp"

namespace surang {

namespace asio = boost::asio;

struct TaskGroup::State {
  explicit State(asio::any_io_executor e) : executor(std::move(e)) {}
  asio::any_io_executor executor;
  std::list<asio::cancellation_signal> running;
  Wakeup idle;  // the last task has ended
  std::weak_ptr<const void> owner;
};

namespace {

// co_spawn awaits once more after a task that never suspended; with the task cancelled by then, that would
// throw where nobody catches.
asio::awaitable<void> without_late_throw([[maybe_unused]] std::shared_ptr<const void> owner,
                                         asio::awaitable<void> task) {
  std::exception_ptr failure;
  try {
    auto running = std::move(task);  // which goes before its owner does
    co_await std::move(running);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await asio::this_coro::throw_if_cancelled(false);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() {
  cancel();
}

void TaskGroup::kept_by(std::weak_ptr<const void> owner) {
  state_->owner = std::move(owner);
}

void TaskGroup::spawn(asio::awaitable<void> task) {
  start(enter(), std::move(task));
}

TaskGroup::Entry TaskGroup::enter() {
  return state_->running.emplace(state_->running.end());
}

void TaskGroup::start(Entry entry, asio::awaitable<void> task) {
  auto state = state_;
  asio::co_spawn(state->executor, without_late_throw(state->owner.lock(), std::move(task)),
                 asio::bind_cancellation_slot(entry->slot(), [state, entry](std::exception_ptr failure) {
                   state->running.erase(entry);
                   if (state->running.empty()) state->idle.notify();
                   if (!failure) return;
                   try {
                     std::rethrow_exception(failure);
                   } catch (const boost::system::system_error& e) {
                     if (e.code() != asio::error::operation_aborted) throw;
                   }
                 }));
}

void TaskGroup::cancel() {
  if (state_->running.empty()) return;
  // On the executor, where a signal reaches its task at once: one that is emitted elsewhere is posted, and
  // finds its slot gone when the task has ended by itself meanwhile.
  asio::dispatch(state_->executor, [state = state_] {
    // A signal may end its task at once and so erase itself: step before emitting.
    for (auto it = state->running.begin(); it != state->running.end();) {
      auto& signal = *it++;
      signal.emit(asio::cancellation_type::terminal);
    }
  });
}

asio::awaitable<void> TaskGroup::join() {
  return wait_for_all(false);
}

asio::awaitable<void> TaskGroup::join_or_cancel() {
  return wait_for_all(true);
}

asio::awaitable<void> TaskGroup::wait_for_all(bool hand_on) {
  const auto state = state_;
  // Not by disabling cancellation: that would stay with the caller, and forget one that arrives meanwhile.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto own = co_await asio::this_coro::cancellation_state;
  while (!state->running.empty()) {
    if (hand_on && own.cancelled() != asio::cancellation_type::none) {
      hand_on = false;
      cancel();
      continue;
    }
    (void)co_await state->idle.wait_unless_cancelled(state->executor);
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

std::size_t TaskGroup::size() const noexcept {
  return state_->running.size();
}

}  // namespace surang
