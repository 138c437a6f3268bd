// IP packets as they come off the TUN device, and forged ones with right lengths and checksums (RFC 791,
// 8200, 9293, 768, 792, 4443). Pure. The engine judges Packets and injects what forge_* make.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tests/censor/middlebox/address.hpp"

namespace surang::censor {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

inline constexpr std::uint8_t kTcp = 6, kUdp = 17;
inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

/// One end to the other, as a packet in that direction names them.
struct Ends {
  Address source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
  Ends reversed() const { return {destination, source, destination_port, source_port}; }
  auto operator<=>(const Ends&) const = default;
};

/// Views into the bytes it was parsed from.
struct Packet {
  Ends ends;  ///< ports are 0 unless TCP or UDP
  std::uint8_t protocol = 0;
  std::uint32_t seq = 0, ack = 0;  ///< TCP
  std::uint8_t flags = 0;          ///< TCP
  View payload;                    ///< of TCP or UDP
  View all;
};

/// The same packet from or to another address of its family, its checksums right again.
Bytes with_source(const Packet& packet, const Address& source);
Bytes with_destination(const Packet& packet, const Address& destination);

/// False for what is no whole IPv4 or IPv6 packet. Later fragments have no ports.
bool parse_packet(View bytes, Packet& packet);

Bytes forge_tcp(const Ends& ends, std::uint32_t seq, std::uint32_t ack, std::uint8_t flags,
                View payload = {});
Bytes forge_udp(const Ends& ends, View payload);
/// "Administratively prohibited" in the name of the destination, quoting the refused packet.
Bytes forge_unreachable(const Packet& refused);

}  // namespace surang::censor
