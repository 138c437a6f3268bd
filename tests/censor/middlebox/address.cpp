#include "tests/censor/middlebox/address.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace surang::censor {

std::optional<Address> parse_address(std::string_view text) {
  const std::string copy(text);
  Address result;
  result.v6 = copy.find(':') != std::string::npos;
  if (inet_pton(result.v6 ? AF_INET6 : AF_INET, copy.c_str(), result.bytes.data()) != 1) return {};
  return result;
}

std::string to_string(const Address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
  return text;
}

bool Prefix::contains(const Address& address) const {
  if (address.v6 != base.v6) return false;
  for (unsigned i = 0; i < bits; ++i) {
    const auto mask = static_cast<std::uint8_t>(0x80 >> (i % 8));
    if ((address.bytes[i / 8] ^ base.bytes[i / 8]) & mask) return false;
  }
  return true;
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = parse_address(text.substr(0, slash));
  if (!base) return {};
  const unsigned most = base->v6 ? 128 : 32;
  Prefix result{*base, most};
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result.bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || result.bits > most) return {};
  }
  return result;
}

}  // namespace surang::censor
