// The stream of a session by which its ends speak of the session itself: echoes, and the bridge's leave
// (PROTOCOL.md, quic: control). One for each end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/quic/stream.hpp"

namespace surang::quic {

/// The client's: asks for echoes.
class EchoAsker {
 public:
  explicit EchoAsker(std::unique_ptr<QuicStream> stream);
  ~EchoAsker();

  /// `leave` is called when the bridge says that it takes no more requests.
  void start(std::function<void()> leave);
  /// Round trip of an echo; the stream's error when that ends first.
  asio::awaitable<Result<std::chrono::microseconds>> ask();

 private:
  struct State;
  const std::shared_ptr<State> state_;
  TaskGroup tasks_;
};

/// The bridge's: gives echoes back until the stream ends. False: too many were asked for in a minute.
asio::awaitable<bool> give_echoes(QuicStream& stream, unsigned most_per_minute);
/// Says that no request is taken any more.
void say_leave(QuicStream& stream);

}  // namespace surang::quic
