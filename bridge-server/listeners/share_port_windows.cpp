#include "bridge-server/listeners/share_port.hpp"

namespace surang::bridge {

void share_port(int, error_code& ec) {
  ec = {};
}  // one worker, nothing to share

bool can_share_ports() noexcept {
  return false;
}

}  // namespace surang::bridge
