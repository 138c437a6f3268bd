// Sessions by an edge in simulated time, and who speaks by them.
#pragma once

#include "tests/support/virtual_time.hpp"
#include "tests/unit/transports/fronted/edge_rig.hpp"

namespace surang::fronted::rig {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

inline const bool simulated = (test::start_virtual_time(), true);
inline constexpr auto kRoundTrip = 100ms;

inline void simulate(std::function<asio::awaitable<void>(asio::io_context&)> test) {
  test::run(std::move(test), 1h);
}

// Somebody at a keyboard, whom the bridge echoes.
class Typist {
 public:
  template <class Carried>  // with a session and its carrier
  explicit Typist(Carried& ends) : stream_(make_stream(ends.session)), tasks_(stream_->executor()) {
    tasks_.spawn(ends.carrier.run());
    tasks_.spawn(hear());
  }

  asio::awaitable<void> type(int times, Clock::duration pause) {
    for (int i = 0; i < times; ++i) {
      const auto text = test::random_text(1 + said_.size() % 60);
      said_ += text;
      at_.push_back({said_.size(), Clock::now()});
      co_await test::put(*stream_, text);
      co_await test::sleep_for(pause);
    }
  }

  asio::awaitable<void> paste(std::size_t size) {
    const auto text = test::random_text(size);
    said_ += text;
    co_await test::put(*stream_, text);
  }
  asio::awaitable<void> heard_all() {
    while (heard_.size() < said_.size() && !all_) co_await heard_more_.wait(stream_->executor());
  }

  asio::awaitable<void> leave() {
    const auto ended = co_await stream_->shutdown_write();
    CHECK(ended.has_value());
    const auto begun = Clock::now();
    while (!all_) co_await heard_more_.wait(stream_->executor());
    CHECK((heard_ == said_));
    CHECK(Clock::now() - begun < 3s);
    stream_.reset();
    co_await tasks_.join();
  }

  asio::awaitable<void> finish(Ends& ends) {
    co_await leave();
    co_await test::sleep_for(40s);  // an edge has given up by then whatever it holds
    CHECK(ends.rig.origin.sessions() == 0);
    co_await end(ends, tasks_);
  }

  /// Longest from a key to its echo since the last time.
  Clock::duration slowest() {
    if (!at_.empty()) slowest_ = std::max(slowest_, Clock::now() - at_.front().second);
    return std::exchange(slowest_, Clock::duration{});
  }

 private:
  asio::awaitable<void> hear() {
    std::string part(65536, '\0');
    for (;;) {
      const auto n = co_await stream_->read_some(asio::buffer(part));
      if (!n || *n == 0) break;
      heard_.append(part, 0, *n);
      while (!at_.empty() && at_.front().first <= heard_.size()) {
        slowest_ = std::max(slowest_, Clock::now() - at_.front().second);
        at_.pop_front();
      }
      heard_more_.notify();
    }
    all_ = true;
    heard_more_.notify();
  }

  StreamPtr stream_;
  TaskGroup tasks_;
  std::string said_, heard_;
  std::deque<std::pair<std::size_t, Clock::time_point>> at_;
  Clock::duration slowest_{};
  bool all_ = false;
  Wakeup heard_more_;
};

}  // namespace surang::fronted::rig
