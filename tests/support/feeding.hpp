// A peer that says what a fuzzer made up, and one that hears everything.
#pragma once

#include <algorithm>
#include <string>

#include "transports/core/buffer.hpp"
#include "transports/core/stream.hpp"

namespace surang::test {

/// In pieces of at most `piece` bytes; then the end.
inline asio::awaitable<void> feed(Stream& to, std::string bytes, std::size_t piece) {
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const auto n = std::min(piece, bytes.size() - at);
    const auto said = co_await to.write_all(asio::buffer(bytes.data() + at, n));
    if (!said) co_return;
  }
  (void)co_await to.shutdown_write();
}

/// Until the end.
inline asio::awaitable<void> discard(Stream& from) {
  ScratchBuffer scratch;
  for (;;) {
    const auto n = co_await from.read_some(scratch.all());
    if (!n || *n == 0) co_return;
  }
}

}  // namespace surang::test
