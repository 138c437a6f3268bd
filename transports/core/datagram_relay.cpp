#include "transports/core/datagram_relay.hpp"

#include "transports/core/alarm.hpp"
#include "transports/core/task_group.hpp"

namespace surang {
namespace {

using Clock = std::chrono::steady_clock;

struct Datagrams {
  TaskGroup& tasks;
  Clock::time_point last = Clock::now();
};

asio::awaitable<void> carry(DatagramFlow& from, DatagramFlow& to, Datagrams& both) {
  co_await receive_each(from, [&to, &both](const Endpoint& peer, std::span<const std::uint8_t> payload) {
    to.send(peer, payload);
    both.last = Clock::now();
  });
  both.tasks.cancel();
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
