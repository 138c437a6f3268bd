#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "transports/tcp/unacknowledged.hpp"

namespace surang {

std::optional<std::size_t> unacknowledged(int socket) {
  int bytes = 0;
  if (socket < 0 || ioctl(socket, SIOCOUTQ, &bytes) != 0 || bytes < 0) return std::nullopt;
  return static_cast<std::size_t>(bytes);
}

}  // namespace surang
