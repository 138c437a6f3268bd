// A plain TCP connection as a Stream. TCP_NODELAY is set on every one.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "transports/core/stream.hpp"

namespace surang {

/// Wraps a connected socket; takes it over. `bbr_when_long`: asks for BBR once an upload has proved long,
/// since for a few packets it only costs.
StreamPtr make_tcp_stream(asio::ip::tcp::socket socket, bool bbr_when_long = false);

}  // namespace surang
