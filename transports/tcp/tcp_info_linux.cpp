// The kernel's own header has the fields that glibc's <netinet/tcp.h> lacks.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

#include "transports/tcp/tcp_info.hpp"

namespace surang {

std::optional<TcpInfo> tcp_info(int socket) {
  ::tcp_info raw{};
  socklen_t size = sizeof raw;
  if (socket < 0 || getsockopt(socket, IPPROTO_TCP, TCP_INFO, &raw, &size) != 0) return std::nullopt;
  // An older kernel gives less; what it does not give stays zero.
  if (size < offsetof(::tcp_info, tcpi_rtt) + sizeof raw.tcpi_rtt) return std::nullopt;
  TcpInfo info;
  info.rtt = std::chrono::microseconds(raw.tcpi_rtt);
  info.min_rtt = std::chrono::microseconds(raw.tcpi_min_rtt);
  info.retransmits = raw.tcpi_retransmits;
  // The kernel counts the SYN as a byte acknowledged.
  info.bytes_acked = raw.tcpi_bytes_acked > 0 ? raw.tcpi_bytes_acked - 1 : 0;
  info.bytes_received = raw.tcpi_bytes_received;
  info.unacknowledged = raw.tcpi_unacked;
  info.unanswered_probes = raw.tcpi_probes;
  info.since_ack = std::chrono::milliseconds(raw.tcpi_last_ack_recv);
  // TCP_ESTABLISHED and TCP_CLOSE_WAIT of <netinet/tcp.h>, which does not go with this header.
  constexpr int kEstablished = 1, kCloseWait = 8;
  info.established = raw.tcpi_state == kEstablished;
  info.peer_ended = raw.tcpi_state == kCloseWait;
  return info;
}

}  // namespace surang
