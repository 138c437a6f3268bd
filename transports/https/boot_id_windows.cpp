#include "transports/https/boot_id.hpp"

namespace surang::https {

std::optional<std::array<std::uint8_t, 16>> boot_id() {
  return {};
}

}  // namespace surang::https
