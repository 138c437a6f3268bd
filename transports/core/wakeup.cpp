#include "transports/core/wakeup.hpp"

namespace surang {

boost::asio::execution_context::id Wakeup::Registry::id;

void Wakeup::Registry::shutdown() {
  while (!ops_.empty()) {
    // Unlinks itself; destroying the coroutine may take other waiters along.
    delete &ops_.front();
  }
}

}  // namespace surang
