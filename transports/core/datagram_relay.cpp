#include "transports/core/datagram_relay.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "transports/core/alarm.hpp"
#include "transports/core/task_group.hpp"

namespace surang {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kTurnsBeforeYield = 32;

struct Datagrams {
  TaskGroup& tasks;
  Clock::time_point last = Clock::now();
};

asio::awaitable<void> carry(DatagramFlow& from, DatagramFlow& to, Datagrams& both) {
  for (unsigned turns = 0;;) {
    {
      ScratchBuffer block;
      const std::span room(block.data(), ScratchBuffer::kSize);
      const auto received = from.try_receive(room);
      if (received) {
        to.send(received->from, room.first(received->size));
        both.last = Clock::now();
        ++turns;
      } else if (received.error() == Errc::would_block) {
        turns = 0;
      } else {
        co_return both.tasks.cancel();
      }
    }
    if (turns == 0) {
      co_await from.wait_readable();
    } else if (turns == kTurnsBeforeYield) {
      turns = 0;
      co_await asio::post(from.executor(), asio::use_awaitable);
    }
  }
}

void end_when_idle(Alarm& alarm, Datagrams& both, Clock::duration limit) {
  if (Clock::now() - both.last >= limit) return both.tasks.cancel();
  alarm.set(both.last + limit, [&alarm, &both, limit] { end_when_idle(alarm, both, limit); });
}

}  // namespace

// A datagram has the address of the peer that it came from, or goes to; the flows know which of them is
// which.
asio::awaitable<void> relay_datagrams(DatagramFlow& a, DatagramFlow& b, Clock::duration idle_limit) {
  TaskGroup tasks(a.executor());
  Datagrams both{tasks};
  Alarm alarm(a.executor());
  end_when_idle(alarm, both, idle_limit);
  tasks.spawn(carry(a, b, both));
  tasks.spawn(carry(b, a, both));
  co_await tasks.join_or_cancel();
}

}  // namespace surang
