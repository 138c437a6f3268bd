#include "config/network_range.hpp"

#include <charconv>
#include <cstdint>
#include <span>

namespace surang::config {
namespace {

bool same_prefix(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b, unsigned bits) {
  for (std::size_t i = 0; bits > 0; ++i) {
    const unsigned here = bits < 8 ? bits : 8;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - here));
    if ((a[i] & mask) != (b[i] & mask)) return false;
    bits -= here;
  }
  return true;
}

}  // namespace

std::optional<NetworkRange> NetworkRange::parse(std::string_view text) {
  const auto slash = text.find('/');
  boost::system::error_code ec;
  NetworkRange range;
  range.base = boost::asio::ip::make_address(text.substr(0, slash), ec);
  if (ec) return std::nullopt;
  const unsigned longest = range.base.is_v4() ? 32 : 128;
  range.prefix = longest;
  if (slash == text.npos) return range;
  const auto digits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), range.prefix);
  if (error != std::errc{} || end != digits.data() + digits.size() || range.prefix > longest)
    return std::nullopt;
  return range;
}

bool NetworkRange::contains(const boost::asio::ip::address& address) const {
  if (address.is_v4() != base.is_v4()) return false;
  return address.is_v4() ? same_prefix(base.to_v4().to_bytes(), address.to_v4().to_bytes(), prefix)
                         : same_prefix(base.to_v6().to_bytes(), address.to_v6().to_bytes(), prefix);
}

}  // namespace surang::config
