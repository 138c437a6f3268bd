// What the kernel would know of a simulated connection (TCP_INFO, SIOCOUTQ). Linking it puts its own
// tcp_info and unacknowledged in the place of transports/tcp's, so only programs that simulate do.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "transports/tcp/tcp_info.hpp"

namespace surang::judge {

/// One side of a connection; its number stands for a socket, and nothing can be read from or written to it.
class SimulatedTcp {
 public:
  explicit SimulatedTcp(std::chrono::steady_clock::duration rtt);
  ~SimulatedTcp();
  SimulatedTcp(const SimulatedTcp&) = delete;
  SimulatedTcp& operator=(const SimulatedTcp&) = delete;

  int number() const { return number_; }
  void received(std::size_t bytes) { info_.bytes_received += bytes; }
  /// `heard`: it arrives, and its acknowledgement a round trip later.
  void sent(std::size_t bytes, bool heard);
  void peer_ended();

  TcpInfo info() const;
  std::size_t unacknowledged() const { return sent_ - info().bytes_acked; }

 private:
  const int number_;
  TcpInfo info_;
  std::size_t sent_ = 0, heard_ = 0, heard_before_ = 0;  // the latter: of what has been acknowledged for sure
  std::chrono::steady_clock::time_point acknowledged_at_{};
};

}  // namespace surang::judge
