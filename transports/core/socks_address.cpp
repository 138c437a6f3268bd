#include "transports/core/socks_address.hpp"

#include <algorithm>
#include <array>
#include <boost/endian/conversion.hpp>
#include <string_view>

namespace surang::socks_address {
namespace {

template <class Address>
Endpoint endpoint_of(std::span<const std::uint8_t> bytes, std::uint16_t port) {
  typename Address::bytes_type raw;
  std::copy_n(bytes.begin(), raw.size(), raw.begin());
  return {boost::asio::ip::address(Address(raw)), port};
}

void append_bytes(std::vector<std::uint8_t>& to, const auto& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

}  // namespace

void append(std::vector<std::uint8_t>& to, const Endpoint& endpoint) {
  const auto& address = endpoint.address();
  if (address && address->is_v4()) {
    to.push_back(kIpv4);
    append_bytes(to, address->to_v4().to_bytes());
  } else if (address) {
    to.push_back(kIpv6);
    append_bytes(to, address->to_v6().to_bytes());
  } else {
    const auto name = std::string_view(endpoint.host()).substr(0, 255);
    to.push_back(kName);
    to.push_back(static_cast<std::uint8_t>(name.size()));
    append_bytes(to, name);
  }
  std::array<std::uint8_t, 2> port{};
  boost::endian::store_big_u16(port.data(), endpoint.port());
  append_bytes(to, port);
}

std::size_t size_of(const Endpoint& endpoint) noexcept {
  const auto& address = endpoint.address();
  if (address) return 1 + (address->is_v4() ? 4 : 16) + 2;
  return 1 + 1 + std::min<std::size_t>(endpoint.host().size(), 255) + 2;
}

std::optional<Parsed> parse(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto type = bytes[0];
  const std::size_t begin = type == kName ? 2 : 1;
  const std::size_t length = type == kIpv4 ? 4 : type == kIpv6 ? 16 : type == kName ? bytes[1] : 0;
  const auto size = begin + length + 2;
  if (length == 0 || bytes.size() < size) return std::nullopt;
  const auto host = bytes.subspan(begin, length);
  const auto port = boost::endian::load_big_u16(bytes.data() + begin + length);
  if (type == kIpv4) return Parsed{endpoint_of<boost::asio::ip::address_v4>(host, port), size};
  if (type == kIpv6) return Parsed{endpoint_of<boost::asio::ip::address_v6>(host, port), size};
  auto named = Endpoint::make({reinterpret_cast<const char*>(host.data()), host.size()}, port);
  if (!named) return std::nullopt;
  return Parsed{std::move(*named), size};
}

}  // namespace surang::socks_address
