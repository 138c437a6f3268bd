// Owns the coroutines that an object started: cancels them together, waits until the last has unwound.
// The only place where coroutines are detached. Used from one executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace surang {

class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor);
  ~TaskGroup();  ///< cancels what still runs; it unwinds on the executor, so it must hold what it uses
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Every task started from now on keeps `owner`, which holds what it works with, until it has unwound; for
  /// where nobody can join(). An owner of this group itself is meant, so it is not kept by the group.
  void kept_by(std::weak_ptr<const void> owner);

  /// By which a task, or what it has started itself, ends that task as cancel() would. Used on its executor,
  /// between the task's beginning and its end.
  class Task {
   public:
    void cancel() const { signal_->emit(boost::asio::cancellation_type::terminal); }

   private:
    friend class TaskGroup;
    explicit Task(boost::asio::cancellation_signal& signal) : signal_(&signal) {}
    boost::asio::cancellation_signal* signal_;
  };

  /// Starts `task`. A cancellation ends it silently; any other exception leaves through io_context::run (a
  /// bug).
  void spawn(boost::asio::awaitable<void> task);
  /// The same for the coroutine that `make(Task)` returns.
  template <class Make>
  requires std::is_invocable_v<Make, Task>
  void spawn(Make&& make) {
    const auto entry = enter();
    start(entry, std::forward<Make>(make)(Task(*entry)));
  }
  void cancel();                        ///< asks all running tasks to unwind
  boost::asio::awaitable<void> join();  ///< returns when none runs; not cancellable half way
  boost::asio::awaitable<void> join_or_cancel();  ///< the same, and a cancellation of it is one of theirs
  std::size_t size() const noexcept;

  /// Awaits `work` of an object that the tasks work with: when that has ended or was cancelled, they are
  /// cancelled and have unwound. Not cancellable from there on.
  template <class T>
  boost::asio::awaitable<T> end_with(boost::asio::awaitable<T> work) {
    namespace asio = boost::asio;
    std::exception_ptr failure;
    std::optional<T> result;
    try {
      result.emplace(co_await std::move(work));
    } catch (...) {
      failure = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    cancel();
    co_await join();
    if (failure) std::rethrow_exception(failure);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_return std::move(*result);
  }

 private:
  struct State;
  using Entry = std::list<boost::asio::cancellation_signal>::iterator;
  Entry enter();
  void start(Entry entry, boost::asio::awaitable<void> task);
  boost::asio::awaitable<void> wait_for_all(bool hand_on);

  std::shared_ptr<State> state_;
};

}  // namespace surang
