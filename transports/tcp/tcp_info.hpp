// What the kernel knows of a TCP connection, for telling silences and forged resets apart.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace surang {

struct TcpInfo {
  std::chrono::microseconds rtt{};  ///< smoothed
  std::chrono::microseconds min_rtt{};
  std::uint32_t retransmits = 0;  ///< of the segment now unacknowledged
  std::uint64_t bytes_acked = 0;  ///< payload bytes the peer acknowledged
  std::uint64_t bytes_received = 0;
  std::uint32_t unacknowledged = 0;       ///< segments sent, and not yet acknowledged
  std::uint32_t unanswered_probes = 0;    ///< of ask_alive, in a row
  std::chrono::milliseconds since_ack{};  ///< since the peer last acknowledged anything
  bool established = false;
  bool peer_ended = false;  ///< its FIN has come, whether or not all before it has been read
};

/// Nothing when `socket` is no TCP socket or the system does not tell.
std::optional<TcpInfo> tcp_info(int socket);

}  // namespace surang
