#include "transports/core/own_mark.hpp"

namespace surang {

bool set_own_mark(std::uint32_t) noexcept {
  return false;
}

void mark_as_own(int) noexcept {}

}  // namespace surang
