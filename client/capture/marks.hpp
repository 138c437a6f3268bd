// The numbers by which the kernel's rules and our sockets know captured traffic. Small ones, outside the bit
// fields that container networks and VPNs take for theirs.
#pragma once

#include <cstdint>

namespace surang::client::capture {

inline constexpr std::uint32_t kOwnMark = 0x73;  ///< of all sockets by which Surang goes out
inline constexpr std::uint32_t kTakenMark =
    0x74;  ///< of packets on their way to Surang; and of connections, in ct mark
inline constexpr std::uint32_t kTakenMask = 0xff;  ///< the bits of ct mark that are ours
inline constexpr std::uint32_t kRouteTable = 29556;
inline constexpr std::uint32_t kRulePriority = 4710;  ///< before the rules of VPNs

}  // namespace surang::client::capture
