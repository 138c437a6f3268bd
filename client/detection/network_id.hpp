// Which network this computer is on: verdicts of one say nothing of another. A hash, so that the store holds
// no addresses of the person's networks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace surang::client {

/// What the operating system knows of the default routes (network_facts_linux.cpp, _windows.cpp). Of several
/// the one with the least metric counts.
struct NetworkFacts {
  bool link = false;           ///< some interface besides loopback has a route
  std::string interface_kind;  ///< "wifi", "wired", "mobile", "tunnel"
  std::string gateway;         ///< address of the default gateway; empty without one
  std::string gateway_mac;     ///< empty while unknown
  std::vector<std::string> resolvers;
  /// Kind and gateway of IPv6 where that leaves by another interface than IPv4 (a phone beside the Wi-Fi);
  /// else empty.
  std::string ipv6_path = {};
  friend bool operator==(const NetworkFacts&, const NetworkFacts&) = default;
};
NetworkFacts read_network_facts();
/// Changes when the list of resolvers may have changed. Much cheaper than reading the facts; always the same
/// where there is no such sign.
std::string resolvers_stamp();

struct NetworkIdentity {
  std::string id;  ///< 16 hex digits
  bool link = true;
  /// The id that the same network had until its gateway's hardware address was known; may be empty.
  std::string provisional = {};
  unsigned sleeps = 0;  ///< how often the computer has slept: what was seen before may not hold
};

/// The time between two moves from network to network, numbered: back on one is another stay.
using Stay = std::uint64_t;

/// Pure. The order of the resolvers does not matter.
std::string network_id_of(const NetworkFacts& facts);

}  // namespace surang::client
