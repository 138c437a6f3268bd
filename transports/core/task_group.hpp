// Owns the coroutines that an object started: cancels them together, waits until the last has unwound.
// The only place where coroutines are detached. Used from one executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>

namespace surang {

class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor);
  ~TaskGroup();  ///< cancels what still runs; it unwinds on the executor, so it must hold what it uses
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task`. A cancellation ends it silently; any other exception leaves through io_context::run (a
  /// bug).
  void spawn(boost::asio::awaitable<void> task);
  void cancel();                        ///< asks all running tasks to unwind
  boost::asio::awaitable<void> join();  ///< returns when none runs; not cancellable half way
  std::size_t size() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace surang
