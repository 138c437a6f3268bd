// The numbers of SOCKS5, RFC 1928.
#pragma once

#include <cstdint>

namespace surang::client::socks5 {

inline constexpr std::uint8_t kConnect = 1, kBind = 2, kUdpAssociate = 3;
inline constexpr std::uint8_t kNoAuth = 0, kPassword = 2, kNoMethod = 0xff;
inline constexpr std::uint8_t kIpv4 = 1, kName = 3, kIpv6 = 4;

}  // namespace surang::client::socks5
