// Carries datagrams between two flows, both ways.
#pragma once

#include <chrono>

#include "transports/core/datagram_flow.hpp"

namespace surang {

/// Until one of them has ended, or no datagram has come for `idle_limit`. Closes neither. Both must be of one
/// executor.
asio::awaitable<void> relay_datagrams(DatagramFlow& a, DatagramFlow& b,
                                      std::chrono::steady_clock::duration idle_limit);

}  // namespace surang
