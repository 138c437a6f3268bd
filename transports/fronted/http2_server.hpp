// HTTP/2 with prior knowledge (RFC 9113 3.3, "h2c") as an origin speaks it to the edge before it: many
// exchanges at a time on one connection.
#pragma once

#include <functional>

#include "transports/fronted/exchange.hpp"

namespace surang::fronted {

/// Serves until the peer ends or breaks the protocol. `peer` begins with the client's preface. `handle` is
/// called for each request beside the others, and has finished with its exchange when it returns.
asio::awaitable<void> serve_http2(StreamPtr peer, std::function<asio::awaitable<void>(Exchange&)> handle);

}  // namespace surang::fronted
