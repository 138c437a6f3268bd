// The numbers of SOCKS5, RFC 1928.
#pragma once

#include "transports/core/socks_address.hpp"

namespace surang::client::socks5 {

inline constexpr std::uint8_t kConnect = 1, kBind = 2, kUdpAssociate = 3;
inline constexpr std::uint8_t kNoAuth = 0, kPassword = 2, kNoMethod = 0xff;
using socks_address::kIpv4, socks_address::kIpv6, socks_address::kName;

}  // namespace surang::client::socks5
