#include "bridge-server/reload_signal.hpp"

namespace surang::bridge {

std::optional<int> reload_signal() noexcept {
  return std::nullopt;
}

}  // namespace surang::bridge
