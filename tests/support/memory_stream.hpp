// Two Streams joined in memory, for tests that need no sockets. `chunk` bounds what one try_read gives, so
// that every parser above is tried with bytes one at a time as well.
#pragma once

#include <cstddef>
#include <utility>

#include "transports/core/stream.hpp"

namespace surang::test {

/// What one side writes the other reads. A writer waits while `capacity` bytes are unread.
std::pair<StreamPtr, StreamPtr> memory_stream_pair(asio::any_io_executor executor,
                                                   std::size_t chunk = SIZE_MAX,
                                                   std::size_t capacity = 256 * 1024);

}  // namespace surang::test
