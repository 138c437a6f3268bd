// The bridge's end of a tunnel by HTTP/2: serves CONNECT requests of one authenticated transport connection,
// flows of datagrams, and what the client asks about destinations (PROTOCOL.md, tunnel, UDP, control). Reads
// what is asked for; what becomes of it is Exit's.
#pragma once

#include <atomic>
#include <cstdint>

#include "transports/core/datagram_flow.hpp"
#include "transports/core/dialer.hpp"
#include "transports/core/transport.hpp"
#include "transports/tunnel/control.hpp"
#include "transports/tunnel/serve_limits.hpp"

namespace surang::tunnel {

/// Serves until the session ends, fails, or the calling coroutine is cancelled (which closes everything of
/// it). `egress` opens the destinations; its errors become Proxy-Status (RFC 9209). The user's bytes are
/// added to `user_bytes` (both directions) as they pass. `drain` true: GOAWAY, no new streams, ends with the
/// last one. `control` answers what is asked about destinations, one question at a time, and `datagrams`
/// opens flows; null: none is.
asio::awaitable<Result<void>> serve(Authenticated peer, UserKey user, Dialer& egress,
                                    const ServeLimits& limits, ServeCounters& counters,
                                    std::atomic<std::uint64_t>& user_bytes, const std::atomic<bool>& drain,
                                    Control* control = nullptr, DatagramOpener* datagrams = nullptr);

}  // namespace surang::tunnel
