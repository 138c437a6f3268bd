#include "bridge-server/listeners/proxy_protocol.hpp"

#include <algorithm>
#include <array>

namespace surang::bridge {
namespace {

constexpr std::array<std::uint8_t, 12> kSignature = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                     0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::size_t kFixed = 16;

std::uint16_t be16(std::span<const std::uint8_t> at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

template <class Address>
boost::asio::ip::tcp::endpoint source(std::span<const std::uint8_t> addresses) {
  typename Address::bytes_type bytes;
  std::copy_n(addresses.begin(), bytes.size(), bytes.begin());
  return {Address(bytes), be16(addresses.subspan(2 * bytes.size(), 2))};
}

}  // namespace

ProxyHeaderState parse_proxy_header(std::span<const std::uint8_t> input, ProxyHeader& header) {
  const auto known = std::min(input.size(), kSignature.size());
  if (!std::equal(kSignature.begin(), kSignature.begin() + static_cast<std::ptrdiff_t>(known), input.begin()))
    return ProxyHeaderState::bad;
  if (input.size() > 12 && (input[12] >> 4 != 2 || (input[12] & 15) > 1)) return ProxyHeaderState::bad;
  if (input.size() < kFixed) return ProxyHeaderState::need_more;
  const std::size_t length = be16(input.subspan(14, 2));
  if (kFixed + length > kMaxProxyHeader) return ProxyHeaderState::bad;
  const bool local = (input[12] & 15) == 0;
  const auto family = input[13];  // 0x11: TCP over IPv4, 0x21: TCP over IPv6
  if (!local && ((family == 0x11 && length < 12) || (family == 0x21 && length < 36)))
    return ProxyHeaderState::bad;
  if (input.size() < kFixed + length) return ProxyHeaderState::need_more;
  header = {};
  header.size = kFixed + length;
  const auto addresses = input.subspan(kFixed, length);
  if (!local && family == 0x11) header.source = source<boost::asio::ip::address_v4>(addresses);
  if (!local && family == 0x21) header.source = source<boost::asio::ip::address_v6>(addresses);
  return ProxyHeaderState::complete;
}

}  // namespace surang::bridge
