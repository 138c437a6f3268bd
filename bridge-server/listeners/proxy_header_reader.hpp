// Reads the PROXY header off a fresh connection, and not a byte more.
#pragma once

#include "bridge-server/listeners/proxy_protocol.hpp"
#include "transports/core/stream.hpp"

namespace surang::bridge {

/// Errc::protocol for anything that is no such header. `stream` stays the caller's.
asio::awaitable<Result<ProxyHeader>> read_proxy_header(Stream& stream);

}  // namespace surang::bridge
