#include "transports/core/alarm.hpp"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/set.hpp>
#include <optional>
#include <utility>

namespace surang {

namespace asio = boost::asio;

// The alarms of one io_context by time, and the timer that wakes for the first of them. Removing the first
// leaves the timer as it is: it then wakes once for nothing, which costs less than setting it each time.
class Alarm::Clockwork : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;
  explicit Clockwork(asio::execution_context& context) : service(context) {}

  void add(Alarm& alarm) {
    if (gone_) return;
    alarms_.insert(alarm);
    if (alarm.when_ < wakes_at_) wake_at(alarm.when_, alarm.executor_);
  }

  void remove(Alarm& alarm) noexcept {
    alarms_.erase(alarms_.iterator_to(alarm));
    rest_if_empty();
  }

 private:
  static constexpr auto kNever = Clock::time_point::max();
  struct ByTime {
    bool operator()(const Alarm& a, const Alarm& b) const noexcept { return a.when_ < b.when_; }
  };

  void wake_at(Clock::time_point when, const asio::any_io_executor& executor) {
    wakes_at_ = when;
    if (!timer_) timer_.emplace(executor);
    timer_->expires_at(when);
    timer_->async_wait([this](const boost::system::error_code& ec) {
      if (!ec) ring();
    });
  }

  // Nothing but an alarm may keep the context running.
  void rest_if_empty() noexcept {
    if (alarms_.empty() && std::exchange(wakes_at_, kNever) != kNever) timer_->cancel();
  }

  void ring() {
    struct Rearm {  // the others ring even when a callback breaks its promise and throws
      Clockwork& self;
      ~Rearm() {
        self.rest_if_empty();
        if (self.alarms_.empty()) return;
        const auto& next = *self.alarms_.begin();
        if (next.when_ < self.wakes_at_) self.wake_at(next.when_, next.executor_);
      }
    } const rearm{*this};
    wakes_at_ = kNever;
    const auto now = Clock::now();
    while (!alarms_.empty() && alarms_.begin()->when_ <= now) {
      Alarm& due = *alarms_.begin();
      alarms_.erase(alarms_.begin());
      const auto call = std::exchange(due.ring_, {});
      call();
    }
  }

  // What is left ends with the context and rings no more; neither does what is set while that goes down.
  void shutdown() override {
    gone_ = true;
    alarms_.clear();
    timer_.reset();
  }

  using Member = boost::intrusive::member_hook<Alarm, boost::intrusive::set_member_hook<>, &Alarm::hook_>;
  boost::intrusive::multiset<Alarm, Member, boost::intrusive::compare<ByTime>,
                             boost::intrusive::constant_time_size<false>>
      alarms_;
  std::optional<asio::steady_timer> timer_;
  Clock::time_point wakes_at_ = kNever;
  bool gone_ = false;
};

asio::execution_context::id Alarm::Clockwork::id;

Alarm::Alarm(asio::any_io_executor executor)
    : executor_(std::move(executor)),
      clockwork_(&asio::use_service<Clockwork>(asio::query(executor_, asio::execution::context))) {}

void Alarm::set(Clock::time_point when, std::function<void()> ring) {
  cancel();
  when_ = when;
  ring_ = std::move(ring);
  clockwork_->add(*this);
}

void Alarm::cancel() noexcept {
  if (is_set()) clockwork_->remove(*this);
  ring_ = nullptr;
}

}  // namespace surang
