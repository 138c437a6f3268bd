// Carries datagrams between two flows, both ways, or from one to whatever takes them.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "transports/core/datagram_flow.hpp"

namespace surang {

/// Gives each datagram of `flow` to `take(const Endpoint& from, std::span<const std::uint8_t>)`, until the
/// flow has ended. Holds no buffer while it waits, and lets others run between many.
template <class Take>
asio::awaitable<void> receive_each(DatagramFlow& flow, Take take) {
  constexpr unsigned kTurnsBeforeYield = 32;
  for (unsigned turns = 0;;) {
    {
      ScratchBuffer block;
      const std::span room(block.data(), ScratchBuffer::kSize);
      const auto received = flow.try_receive(room);
      if (!received && received.error() != Errc::would_block) co_return;
      turns = received ? turns + 1 : 0;
      if (received) take(received->from, std::span<const std::uint8_t>(room.first(received->size)));
    }
    if (turns == 0) {
      co_await flow.wait_readable();
    } else if (turns == kTurnsBeforeYield) {
      turns = 0;
      co_await asio::post(flow.executor(), asio::use_awaitable);
    }
  }
}

/// Until one of them has ended, or no datagram has come for `idle_limit`. Closes neither. Both must be of one
/// executor.
asio::awaitable<void> relay_datagrams(DatagramFlow& a, DatagramFlow& b,
                                      std::chrono::steady_clock::duration idle_limit);

}  // namespace surang
