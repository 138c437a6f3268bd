// HTTP/1.0 and 1.1 (RFC 9112) as an origin speaks it to the edge before it: one connection, one request after
// the other. Parsed by Boost.Beast, without its I/O.
#pragma once

#include <functional>
#include <memory>

#include "transports/fronted/exchange.hpp"

namespace surang::fronted {

struct Http1Limits {
  std::uint32_t head_bytes = 16 * 1024;
  std::chrono::seconds idle{300};  ///< between two requests
  std::chrono::seconds head{30};   ///< from a request's first byte to the end of its head
};

/// Serves until the peer ends, breaks the protocol (which gets the 400 of any server), or is silent.
/// `already_read` are bytes that were taken from `peer` before. `handle` is called with one exchange after
/// the other and has finished with it when it returns.
asio::awaitable<void> serve_http1(StreamPtr peer, std::string already_read, Http1Limits limits,
                                  std::function<asio::awaitable<void>(Exchange&)> handle);

}  // namespace surang::fronted
