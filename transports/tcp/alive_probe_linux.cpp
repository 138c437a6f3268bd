#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "transports/tcp/alive_probe.hpp"

namespace surang {
namespace {

bool set(int socket, int level, int option, int value) {
  return setsockopt(socket, level, option, &value, sizeof value) == 0;
}

}  // namespace

bool ask_alive(int socket, bool ask) {
  constexpr int kSecond = 1, kMostProbes = 120;
  if (socket < 0) return false;
  if (!ask) return set(socket, SOL_SOCKET, SO_KEEPALIVE, 0);
  return set(socket, IPPROTO_TCP, TCP_KEEPINTVL, kSecond) &&
         set(socket, IPPROTO_TCP, TCP_KEEPCNT, kMostProbes) && set(socket, SOL_SOCKET, SO_KEEPALIVE, 1) &&
         set(socket, IPPROTO_TCP, TCP_KEEPIDLE, kSecond);
}

}  // namespace surang
