#include <winsock2.h>

#include "transports/tcp/unacknowledged.hpp"

namespace surang {
namespace {

// TCP_INFO_v0 and its control code (Windows 10 1703 and later), which not every SDK header has.
constexpr DWORD kTcpInfo = _WSAIORW(IOC_VENDOR, 39);
struct TcpInfoV0 {
  int state;
  ULONG mss;
  ULONGLONG connection_ms;
  BOOLEAN timestamps;
  ULONG rtt_us, min_rtt_us, bytes_in_flight, cwnd, snd_wnd, rcv_wnd, rcv_buf;
  ULONGLONG bytes_out, bytes_in;
  ULONG bytes_reordered, bytes_retransmitted, fast_retransmits, duplicate_acks, timeouts;
  UCHAR syn_retransmits;
};

}  // namespace

std::optional<std::size_t> unacknowledged(int socket) {
  if (socket < 0) return std::nullopt;
  DWORD version = 0, got = 0;
  TcpInfoV0 info{};
  if (WSAIoctl(static_cast<SOCKET>(socket), kTcpInfo, &version, sizeof version, &info, sizeof info, &got,
               nullptr, nullptr) != 0)
    return std::nullopt;
  return static_cast<std::size_t>(info.bytes_in_flight);
}

}  // namespace surang
