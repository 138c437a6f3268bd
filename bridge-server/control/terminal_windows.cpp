#include <io.h>
#include <stdio.h>

#include "bridge-server/control/terminal.hpp"

namespace surang::bridge {

bool stdout_is_terminal() noexcept {
  return ::_isatty(::_fileno(stdout)) != 0;
}

}  // namespace surang::bridge
