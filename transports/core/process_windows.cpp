#include "transports/core/process.hpp"

namespace surang {

std::size_t prepare_process() {
  return 16384;  // handles are bounded by memory only
}

std::thread start_thread(std::function<void()> work) {
  return std::thread(std::move(work));  // the system makes a thread of its own for each signal
}

}  // namespace surang
