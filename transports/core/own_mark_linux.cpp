#include "transports/core/own_mark.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace surang {
namespace {

std::uint32_t mark_of_ours = 0;

}  // namespace

bool set_own_mark(std::uint32_t mark) noexcept {
  const int probe = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool may = probe >= 0 && ::setsockopt(probe, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
  if (probe >= 0) ::close(probe);
  mark_of_ours = may ? mark : 0;
  return may;
}

void mark_as_own(int socket) noexcept {
  if (mark_of_ours != 0) (void)::setsockopt(socket, SOL_SOCKET, SO_MARK, &mark_of_ours, sizeof mark_of_ours);
}

}  // namespace surang
