// Which network this computer is on: verdicts of one say nothing of another. A hash, so that the store holds
// no addresses of the person's networks.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/detection/signals.hpp"

namespace surang::client {

/// What the operating system knows of the default route (network_facts_linux.cpp, _windows.cpp).
struct NetworkFacts {
  bool link = false;           ///< some interface besides loopback has a route
  std::string interface_kind;  ///< "wifi", "wired", "mobile", "tunnel"
  std::string gateway;         ///< address of the default gateway; empty without one
  std::string gateway_mac;     ///< empty while unknown
  std::vector<std::string> resolvers;
  friend bool operator==(const NetworkFacts&, const NetworkFacts&) = default;
};
NetworkFacts read_network_facts();

struct NetworkIdentity {
  std::string id;  ///< 16 hex digits
  bool link = true;
  /// The id that the same network had until its gateway's hardware address was known; may be empty.
  std::string provisional = {};
};

/// Pure. The order of the resolvers does not matter.
std::string network_id_of(const NetworkFacts& facts);

/// Reads the facts again at most every `refresh`, so that asking is cheap and a change is noticed soon.
class NetworkWatch {
 public:
  explicit NetworkWatch(std::function<NetworkFacts()> read = read_network_facts,
                        Clock::duration refresh = std::chrono::milliseconds(250));
  const NetworkIdentity& current(Clock::time_point now = Clock::now());

 private:
  std::function<NetworkFacts()> read_;
  Clock::duration refresh_;
  Clock::time_point next_{};
  NetworkFacts facts_;
  NetworkIdentity identity_;
  std::map<std::string, std::string> macs_;  // last seen, by interface kind and gateway
};

}  // namespace surang::client
