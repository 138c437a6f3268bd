// Takes what comes to a socket, the same at both ends: many datagrams in one turn, and what is to be said to
// them once, after the last. Used by quic_session and quic_listener.
#pragma once

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <span>

#include "transports/core/buffer.hpp"
#include "transports/quic/packet_socket.hpp"

namespace surang::quic {

/// Until the socket is closed, or `owner` says that it is gone. `owner` has
///   bool gone() const;                                     asked after every wait and every datagram
///   void take(const Path&, std::span<std::uint8_t>);       a datagram
///   void refused(error_code);                              the socket's error, as ICMP makes it
///   void rest();                                           all that was there has been given
template <class Owner>
asio::awaitable<void> receive_packets(asio::any_io_executor executor, std::shared_ptr<PacketSocket> socket,
                                      Owner owner) {
  constexpr unsigned kTurnsBeforeOthers = 16;
  for (unsigned turns = 0; socket->is_open() && !owner.gone();) {
    bool more = false;
    {
      ScratchBuffer block;
      const std::span room(block.data(), ScratchBuffer::kSize);
      const auto got = socket->receive(room);
      more = got.has_value();
      if (!more && got.error() != Errc::would_block) owner.refused(got.error());
      for (auto rest = room.first(more ? got->size : 0); !rest.empty() && !owner.gone();) {
        const auto one = rest.first(std::min(got->segment, rest.size()));
        rest = rest.subspan(one.size());
        owner.take(got->path, one);
      }
    }
    if (owner.gone()) co_return;
    if (more && ++turns < kTurnsBeforeOthers) continue;
    if (turns > 0) owner.rest();
    turns = 0;
    if (more)
      co_await asio::post(executor, asio::use_awaitable);
    else
      co_await socket->wait_readable();
  }
}

}  // namespace surang::quic
