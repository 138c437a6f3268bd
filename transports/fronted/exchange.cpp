#include "transports/fronted/exchange.hpp"

#include "transports/core/buffer.hpp"

namespace surang::fronted {

asio::awaitable<bool> drain(Exchange& exchange) {
  constexpr std::size_t kMost = 256 * 1024;
  ScratchBuffer block;
  for (std::size_t drained = 0; drained <= kMost;) {
    const auto n = co_await exchange.read_body(block.all());
    if (!n) co_return false;
    if (*n == 0) co_return true;
    drained += *n;
  }
  co_return false;
}

}  // namespace surang::fronted
