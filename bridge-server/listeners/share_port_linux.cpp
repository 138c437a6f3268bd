#include <sys/socket.h>

#include <cerrno>

#include "bridge-server/listeners/share_port.hpp"

namespace surang::bridge {

void share_port(int socket, error_code& ec) {
  const int on = 1;
  ec = {};
  if (::setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    ec = error_code(errno, boost::system::system_category());
}

bool can_share_ports() noexcept {
  return true;
}

}  // namespace surang::bridge
