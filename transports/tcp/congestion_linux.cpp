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

}  // namespace surang
