// Datagrams on their way to a socket: what it does not take now waits here, and nobody makes more meanwhile.
// Used by session and listener.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "transports/core/task_group.hpp"
#include "transports/quic/packet_socket.hpp"

namespace surang::quic {

class Outbox {
 public:
  /// `socket` must outlive it; `free` is called when all that waited has gone.
  Outbox(asio::any_io_executor executor, std::shared_ptr<PacketSocket> socket, std::function<void()> free);

  /// Takes them in any case. False: some wait.
  bool send(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment);

 private:
  struct Parcel {
    Path path;
    std::vector<std::uint8_t> datagrams;
    std::size_t segment;
  };
  struct State {
    std::shared_ptr<PacketSocket> socket;
    std::function<void()> free;
    std::deque<Parcel> waiting;
  };
  static asio::awaitable<void> empty(std::shared_ptr<State> state);

  const std::shared_ptr<State> state_;
  TaskGroup tasks_;
};

}  // namespace surang::quic
