#include "transports/obfs4/silence.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "transports/core/buffer.hpp"
#include "transports/core/timeout.hpp"

namespace surang::obfs4 {
namespace {

using Clock = std::chrono::steady_clock;

// For what is under way when we end our direction: closing on it would show as a reset.
constexpr auto kLastWords = std::chrono::seconds(10);

class Place {
 public:
  explicit Place(const Silence& how) : count_(how.held), there_(!count_ || ++*count_ <= how.most) {}
  ~Place() {
    if (count_) --*count_;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  explicit operator bool() const noexcept { return there_; }

 private:
  std::atomic<std::size_t>* const count_;
  const bool there_;
};

enum class Ending { time_is_up, peer_ended, broken };

// Takes all that comes.
asio::awaitable<Ending> discard(Stream& raw, Clock::time_point until) {
  for (;;) {
    const auto left = until - Clock::now();
    if (left <= Clock::duration::zero()) co_return Ending::time_is_up;
    const auto ready = co_await with_timeout(left, raw.wait_readable());
    if (ready.has_error()) co_return ready.error() == Errc::timed_out ? Ending::time_is_up : Ending::broken;
    ScratchBuffer scratch;
    const auto n = raw.try_read(scratch.all());
    if (n.has_error()) {
      if (n.error() == Errc::would_block) continue;
      co_return Ending::broken;
    }
    if (*n == 0) co_return Ending::peer_ended;
  }
}

// A stream that does not tell a break, or tells it has none to tell, only waits.
asio::awaitable<Ending> outlast(Stream& raw, Clock::time_point until) {
  const auto broken = co_await with_timeout(until - Clock::now(), raw.wait_broken());
  if (broken.has_error() && broken.error() != Errc::timed_out) co_return Ending::broken;
  asio::steady_timer timer(co_await asio::this_coro::executor, until);
  co_await timer.async_wait(asio::use_awaitable);
  co_return Ending::time_is_up;
}

}  // namespace

asio::awaitable<void> fall_silent(StreamPtr raw, Clock::time_point accepted, Silence how) {
  const Place place(how);
  if (!place) co_return;
  const auto end = accepted + how.until_end;
  const auto ending = co_await discard(*raw, end);
  bool whole = ending == Ending::time_is_up;
  if (ending == Ending::peer_ended) {
    const auto lasted = co_await outlast(*raw, end);
    if (lasted == Ending::broken) co_return;
  } else if (!whole) {
    co_return;
  }
  (void)co_await raw->shutdown_write();
  if (whole) (void)co_await discard(*raw, Clock::now() + kLastWords);
}

}  // namespace surang::obfs4
