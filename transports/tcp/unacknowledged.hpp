// How much of what was written the peer's kernel has not acknowledged yet, for sending the next piece only
// after the one before has arrived.
#pragma once

#include <cstddef>
#include <optional>

namespace surang {

/// Bytes; nothing when `socket` is no TCP socket or the system does not tell.
std::optional<std::size_t> unacknowledged(int socket);

}  // namespace surang
