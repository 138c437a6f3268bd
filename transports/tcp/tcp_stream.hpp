// A plain TCP connection as a Stream. TCP_NODELAY is set on every one.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "transports/core/stream.hpp"

namespace surang {

/// Wraps a connected socket; takes it over.
StreamPtr make_tcp_stream(asio::ip::tcp::socket socket);

}  // namespace surang
