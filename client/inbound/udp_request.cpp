#include "client/inbound/udp_request.hpp"

#include <utility>

#include "transports/core/socks_address.hpp"

namespace surang::client {

std::optional<UdpRequest> parse_udp_request(std::span<const std::uint8_t> datagram) {
  if (datagram.size() < 3 || datagram[0] != 0 || datagram[1] != 0) return std::nullopt;
  const auto fragment = datagram[2];
  auto address = socks_address::parse(datagram.subspan(3));
  if (fragment != 0 || !address || address->endpoint.port() == 0) return std::nullopt;
  return UdpRequest{std::move(address->endpoint), datagram.subspan(3 + address->size)};
}

std::vector<std::uint8_t> udp_reply_header(const Endpoint& from) {
  std::vector<std::uint8_t> out(3);
  socks_address::append(out, from);
  return out;
}

}  // namespace surang::client
