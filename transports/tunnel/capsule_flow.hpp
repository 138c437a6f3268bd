// A DatagramFlow by the capsules of one request's stream, the same at both ends (PROTOCOL.md, UDP).
#pragma once

#include "transports/core/datagram_flow.hpp"
#include "transports/core/stream.hpp"

namespace surang::tunnel {

/// Ends with the stream, whose error is its own. What has waited for the stream's window beyond 128 KiB is
/// lost.
DatagramFlowPtr make_capsule_flow(StreamPtr stream);

}  // namespace surang::tunnel
