#include "transports/fronted/exchange.hpp"

#include <algorithm>
#include <cstring>

namespace surang::fronted {

asio::const_buffer BodyBlock::between(std::string_view before, std::size_t size,
                                      std::string_view behind) noexcept {
  auto* const begin = room().data() - before.size();
  std::ranges::copy(before, begin);
  std::ranges::copy(behind, room().data() + size);
  return {begin, before.size() + size + behind.size()};
}

asio::awaitable<Result<void>> Exchange::write_body(asio::const_buffer from) {
  while (from.size() > 0) {
    BodyBlock block;
    const auto n = std::min(from.size(), block.room().size());
    std::memcpy(block.room().data(), from.data(), n);
    const auto said = co_await write_block(block, n);
    if (!said) co_return said;
    from += n;
  }
  co_return Result<void>{};
}

asio::awaitable<bool> drain(Exchange& exchange) {
  constexpr std::size_t kMost = 256 * 1024;
  for (std::size_t drained = 0; drained <= kMost;) {
    const auto n = exchange.try_read_body(ScratchBuffer().all());
    if (!n && n.error() == Errc::would_block) {
      const auto more = co_await exchange.wait_body();
      if (!more) co_return false;
      continue;
    }
    if (!n) co_return false;
    if (*n == 0) co_return true;
    drained += *n;
  }
  co_return false;
}

}  // namespace surang::fronted
