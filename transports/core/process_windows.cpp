#include "transports/core/process.hpp"

namespace surang {

std::size_t prepare_process() {
  return 16384;  // handles are bounded by memory only
}

}  // namespace surang
