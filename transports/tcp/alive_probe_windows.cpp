#include "transports/tcp/alive_probe.hpp"

namespace surang {

// The system would ask, and does not tell what was answered.
bool ask_alive(int, bool) {
  return false;
}

}  // namespace surang
