#include "transports/core/relay.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "transports/core/alarm.hpp"
#include "transports/core/buffer.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/tcp/splice_relay.hpp"

namespace surang {
namespace {

constexpr unsigned kTurnsBeforeYield = 16;
constexpr std::size_t kFew = 4096;
constexpr int kTicksPerLimit = 8;  // of the shorter limit; so idleness is noticed within a quarter of it more
// The second direction mostly ends right after the first, before anything beside it is worth watching.
constexpr std::chrono::milliseconds kWorthWatching{20};

// One relay.
struct Relay : std::enable_shared_from_this<Relay> {
  Relay(Stream& first, Stream& second, const RelayOptions& o)
      : a(first), b(second), options(o), watch(first.executor()), tasks(first.executor()) {}

  // The first failure or limit decides; it ends both directions.
  void end(RelayEnd how, error_code why) {
    if (over) return;
    outcome = {how, why};
    // Who has been told of the end and went on being silent sees nothing more, as from any closed socket.
    close(how != RelayEnd::idle || !told_a, how != RelayEnd::idle || !told_b);
  }
  void close(bool abort_a, bool abort_b) {
    over = true;
    watch.cancel();
    a.close(abort_a);
    b.close(abort_b);
  }

  Stream& a;
  Stream& b;
  RelayOptions options;
  Alarm watch;
  TaskGroup tasks;
  Wakeup ended;                                // a direction has
  std::uint64_t moved = 0, moved_at_tick = 0;  // bytes, both ways
  std::chrono::steady_clock::time_point quiet_since = std::chrono::steady_clock::now();
  int directions_ended = 0;
  bool told_a = false, told_b = false;  // that the other's direction has ended
  bool over = false;
  std::optional<RelayOutcome> broken;  // a write failed; what the broken end had sent is still on its way
  RelayOutcome outcome;
};

// One direction of it.
struct Way {
  Way(Relay& r, bool a_to_b) : relay(r), from(a_to_b ? r.a : r.b), to(a_to_b ? r.b : r.a), forth(a_to_b) {}

  void moved(std::size_t n) {
    relay.moved += n;
    auto* c = relay.options.counters;
    if (c) (forth ? c->a_to_b : c->b_to_a).fetch_add(n, std::memory_order_relaxed);
  }
  void from_failed(error_code why) { relay.end(forth ? RelayEnd::a_failed : RelayEnd::b_failed, why); }

  // An end that takes nothing more may have sent something before it broke (a server's early answer to an
  // upload): the other direction brings that over and then meets the failure itself.
  void to_failed(error_code why) {
    to_broken = true;
    if (relay.directions_ended > 0) return relay.end(forth ? RelayEnd::b_failed : RelayEnd::a_failed, why);
    relay.broken = RelayOutcome{forth ? RelayEnd::b_failed : RelayEnd::a_failed, why};
  }
  bool stopped() const { return relay.over || to_broken; }

  Relay& relay;
  Stream& from;
  Stream& to;
  const bool forth;
  bool to_broken = false;
  bool splice = true;  // until it turns out not to work here
};

// An alarm that rings this seldom costs nothing while bytes flow, and none of them touches it.
void watch_over(Relay& relay) {
  const auto& options = relay.options;
  const std::chrono::steady_clock::duration shorter = std::min(options.idle_limit, options.half_open_limit);
  relay.watch.set(shorter / kTicksPerLimit, [&relay] {
    const auto now = std::chrono::steady_clock::now();
    if (std::exchange(relay.moved_at_tick, relay.moved) != relay.moved) relay.quiet_since = now;
    const auto limit = relay.directions_ended > 0 ? relay.options.half_open_limit : relay.options.idle_limit;
    if (now - relay.quiet_since >= limit) return relay.end(RelayEnd::idle, make_error_code(Errc::timed_out));
    watch_over(relay);
  });
}

// After the end of one direction: whoever still writes to that end learns at once when it resets, not at the
// write after that.
asio::awaitable<void> watch_broken(std::shared_ptr<Relay> relay, bool forth) {
  if (relay->over || relay->directions_ended == 2) co_return;
  Way way(*relay, forth);
  const auto broken = co_await way.from.wait_broken();
  if (!broken && !relay->over) way.from_failed(broken.error());
}

void direction_ended(const std::shared_ptr<Relay>& relay, bool forth) {
  relay->ended.notify();
  if (++relay->directions_ended == 2) return;
  relay->quiet_since = std::chrono::steady_clock::now();  // the other limit holds from now
  if (relay->over || !(forth ? relay->told_b : relay->told_a)) return;
  relay->watch.set(kWorthWatching, [&r = *relay, forth] {
    r.tasks.spawn(watch_broken(r.shared_from_this(), forth));
    watch_over(r);
  });
}

// The next bytes through a borrowed pipe: 0 at the end of the direction, would_block, or why `from` failed.
// Nothing at all: this pair cannot be spliced.
asio::awaitable<std::optional<Result<std::size_t>>> splice_some(Way& way) {
  auto pipe = SplicePipe::borrow();
  if (!pipe) co_return std::nullopt;
  const auto n = pipe->fill(way.from.native_socket());
  if (!n && n.error() == boost::system::errc::invalid_argument) co_return std::nullopt;
  if (!n || *n == 0) co_return n;
  while (pipe->held() > 0) {
    // Asked each time: the other direction may have closed it, and its number be somebody else's by now.
    const int socket = way.to.native_socket();
    auto given = socket < 0 ? Result<std::size_t>(make_error_code(Errc::closed)) : pipe->drain(socket);
    if (given) {
      way.moved(*given);
      continue;
    }
    Result<void> ready = given.error();
    if (given.error() == Errc::would_block) ready = co_await way.to.wait_writable();
    if (!ready) {
      way.to_failed(ready.error());
      break;
    }
  }
  co_return n;
}

asio::awaitable<void> pump(std::shared_ptr<Relay> relay, bool forth) {
  Way way(*relay, forth);
  unsigned turns = 0;
  // What was there has been carried over already, most likely.
  if (const auto ready = co_await way.from.wait_readable(); !ready) way.from_failed(ready.error());
  while (!way.stopped()) {
    Result<std::size_t> n = make_error_code(Errc::would_block);
    if (way.splice && way.from.native_socket() >= 0 && way.to.native_socket() >= 0) {
      const auto spliced = co_await splice_some(way);
      way.splice = spliced.has_value();
      if (!spliced) continue;
      n = *spliced;
    } else {
      ScratchBuffer scratch;
      n = way.from.try_read(scratch.all());
      if (n && *n > 0) {
        Result<void> written;
        const auto rest = way.to.try_write(asio::buffer(scratch.data(), *n));
        if (!rest)
          written = rest.error();
        else if (rest->size() > 0)
          written = co_await way.to.write_all(*rest);
        if (written)
          way.moved(*n);
        else
          way.to_failed(written.error());
      }
    }
    if (way.stopped()) break;
    if (!n && n.error() == Errc::would_block) {
      turns = 0;
      const auto ready = co_await way.from.wait_readable();
      if (!ready) way.from_failed(ready.error());
    } else if (!n) {
      way.from_failed(n.error());
    } else if (*n == 0 && relay->broken) {
      // The write took the kernel's report of the reset; what reads like an end is none.
      relay->end(relay->broken->end, relay->broken->error);
    } else if (*n == 0 && (forth ? relay->told_a : relay->told_b) && way.to.native_socket() >= 0) {
      break;  // the other direction has ended in order, too: closing the socket says it all
    } else if (*n == 0) {
      const auto told = co_await way.to.shutdown_write();
      if (!told && !relay->over) way.to_failed(told.error());
      (forth ? relay->told_b : relay->told_a) = told.has_value();
      break;
    } else if (*n < kFew) {
      // All there was, most likely: it is cheaper to wait than to be told that there is nothing more.
      turns = 0;
      const auto ready = co_await way.from.wait_readable();
      if (!ready) way.from_failed(ready.error());
    } else if (++turns == kTurnsBeforeYield) {
      turns = 0;
      co_await asio::post(way.from.executor(), asio::use_awaitable);
    }
  }
  direction_ended(relay, forth);
}

asio::awaitable<void> until_both_ended(std::shared_ptr<Relay> relay) {
  while (relay->directions_ended < 2) co_await relay->ended.wait(relay->a.executor());
}

}  // namespace

asio::awaitable<RelayOutcome> relay(Stream& a, Stream& b, RelayOptions options) {
  const auto state = std::make_shared<Relay>(a, b, options);
  watch_over(*state);
  state->tasks.spawn(pump(state, true));
  std::exception_ptr failure;
  try {
    co_await pump(state, false);
    co_await until_both_ended(state);
  } catch (...) {
    failure = std::current_exception();
  }
  state->close(failure != nullptr, failure != nullptr);
  if (state->tasks.size() > 0) {
    state->tasks.cancel();
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await state->tasks.join();
    co_await asio::this_coro::throw_if_cancelled(throws);
  }
  if (failure) std::rethrow_exception(failure);
  co_return state->outcome;
}

}  // namespace surang
