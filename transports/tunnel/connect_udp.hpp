// How a flow of datagrams is asked for: extended CONNECT (RFC 8441) as RFC 9298 has it, to no peer in
// particular (PROTOCOL.md, UDP).
#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace surang::tunnel {

inline constexpr std::string_view kConnectUdp = "connect-udp";
/// RFC 9298 2, with `*` for host and port.
inline constexpr std::string_view kAnyPeerPath = "/.well-known/masque/udp/%2A/%2A/";
/// RFC 9297 3.4, of request and answer.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 1> kCapsuleFields{
    {{"capsule-protocol", "?1"}}};

}  // namespace surang::tunnel
