#include <unistd.h>

#include "bridge-server/control/terminal.hpp"

namespace surang::bridge {

bool stdout_is_terminal() noexcept {
  return ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace surang::bridge
