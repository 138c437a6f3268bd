#include "transports/tcp/congestion.hpp"

namespace surang {

bool ask_for_bbr(int) {
  return false;
}

void tune_carrier(int) {}

}  // namespace surang
