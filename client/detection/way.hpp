// The ways to reach a site (DETECTION.md, ways). Stored by number in the verdict store: append only.
// Preferred are those without a bridge; the ladder knows the order.
#pragma once

#include <cstdint>
#include <string_view>

namespace surang::client {

enum class Way : std::uint8_t {
  direct = 0,                ///< the system's names, no help
  direct_encrypted_dns = 1,  ///< direct, to the addresses that DNS over HTTPS gives
  tunnel = 2,                ///< through a bridge
  direct_fragmented = 3,     ///< direct, the ClientHello cut into several TLS records inside the site's name
  direct_split = 4,          ///< direct, the ClientHello sent in TCP segments cut inside the site's name
  direct_other_address = 5,  ///< direct, to another address of the host than the one that failed
};

/// Needs no bridge and no other names, only another manner: client/evasion.
constexpr bool is_evasion(Way way) noexcept {
  return way >= Way::direct_fragmented && way <= Way::direct_other_address;
}
/// Of these, what changes how the hello is sent.
constexpr bool cuts_hello(Way way) noexcept {
  return way == Way::direct_fragmented || way == Way::direct_split;
}

std::string_view to_string(Way way) noexcept;

}  // namespace surang::client
