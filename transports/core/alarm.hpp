// Calls back once at a point in time. For limits that are mostly taken back before they are reached: all
// alarms of an io_context share one timer, so that setting one mostly touches nothing but a tree.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/intrusive/set_hook.hpp>
#include <chrono>
#include <functional>

namespace surang {

class Alarm {
 public:
  using Clock = std::chrono::steady_clock;

  /// `executor` is of an io_context that one thread runs; everything here happens there.
  explicit Alarm(boost::asio::any_io_executor executor);
  ~Alarm() { cancel(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Takes back what was set before. `ring` must not throw; it may set the alarm again, or destroy it.
  void set(Clock::time_point when, std::function<void()> ring);
  void set(Clock::duration after, std::function<void()> ring) { set(Clock::now() + after, std::move(ring)); }
  void cancel() noexcept;  ///< it does not ring from now on
  bool is_set() const noexcept { return hook_.is_linked(); }

 private:
  class Clockwork;
  boost::asio::any_io_executor executor_;
  Clockwork* clockwork_;
  Clock::time_point when_{};
  std::function<void()> ring_;
  boost::intrusive::set_member_hook<> hook_;  // linked while it is set
};

}  // namespace surang
