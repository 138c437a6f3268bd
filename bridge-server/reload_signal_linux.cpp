#include "bridge-server/reload_signal.hpp"

#include <csignal>

namespace surang::bridge {

std::optional<int> reload_signal() noexcept {
  return SIGHUP;
}

}  // namespace surang::bridge
