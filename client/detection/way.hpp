// The ways to reach a site, in the order in which they are preferred (DETECTION.md, ways).
#pragma once

#include <cstdint>
#include <string_view>

namespace surang::client {

enum class Way : std::uint8_t {
  direct = 0,                ///< the system's names, no help
  direct_encrypted_dns = 1,  ///< direct, to the addresses that DNS over HTTPS gives
  tunnel = 2,                ///< through a bridge
};

std::string_view to_string(Way way) noexcept;

}  // namespace surang::client
