// IPv4 and IPv6 addresses and prefixes as the censor's rules name them. Pure.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace surang::censor {

struct Address {
  std::array<std::uint8_t, 16> bytes{};  ///< the first four for IPv4
  bool v6 = false;
  auto operator<=>(const Address&) const = default;
};

std::optional<Address> parse_address(std::string_view text);
std::string to_string(const Address& address);

struct Prefix {
  Address base;
  unsigned bits = 0;
  bool contains(const Address& address) const;
};

/// "93.184.1.1", "93.184.0.0/16", "2a00::/16".
std::optional<Prefix> parse_prefix(std::string_view text);

}  // namespace surang::censor
