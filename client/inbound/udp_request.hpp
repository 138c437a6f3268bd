// The header of a datagram between a SOCKS5 client and its proxy (RFC 1928 7). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "transports/core/endpoint.hpp"

namespace surang::client {

struct UdpRequest {
  Endpoint to;
  std::span<const std::uint8_t> payload;
};

/// What a client has sent; nothing for a fragment, which nobody need put together, and for what is no
/// request.
std::optional<UdpRequest> parse_udp_request(std::span<const std::uint8_t> datagram);

/// What stands before the payload that came from `from`.
std::vector<std::uint8_t> udp_reply_header(const Endpoint& from);

}  // namespace surang::client
