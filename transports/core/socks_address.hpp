// An endpoint as SOCKS5 writes it (RFC 1928 5): its type, the address or name, the port. UDP relays put it in
// front of every datagram (RFC 1928 7; PROTOCOL.md, UDP). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "transports/core/endpoint.hpp"

namespace surang::socks_address {

inline constexpr std::uint8_t kIpv4 = 1, kName = 3, kIpv6 = 4;

struct Parsed {
  Endpoint endpoint;
  std::size_t size = 0;  ///< bytes that it took
};

/// Of names the first 255 bytes only; Endpoint::make gives none that is longer.
void append(std::vector<std::uint8_t>& to, const Endpoint& endpoint);

/// Bytes that append() adds.
std::size_t size_of(const Endpoint& endpoint) noexcept;

/// What stands at the beginning of `bytes`; nothing where that is no address, or a name that cannot be one.
std::optional<Parsed> parse(std::span<const std::uint8_t> bytes);

}  // namespace surang::socks_address
