#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string_view>

#include "transports/tcp/congestion.hpp"

namespace surang {

bool ask_for_bbr(int socket) {
  constexpr std::string_view name = "bbr";
  return setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), name.size()) == 0;
}

void tune_carrier(int socket) {
  ask_for_bbr(socket);
  constexpr int kUnsent = 128 * 1024;
  setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsent, sizeof kUnsent);
}

}  // namespace surang
