// Whether IPv6 is broken on this network while IPv4 works, from how dials to hosts with both fared (RFC 8305
// pays 250 ms for finding out, each time anew). Pure, with given times. Kept by the Router's connector.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "client/detection/signals.hpp"
#include "transports/tcp/tcp_dialer.hpp"

namespace surang::client {

class FamilyMemory {
 public:
  /// `addresses` as given, or IPv4 before IPv6 where that is known to be broken: for ten minutes, after which
  /// one dial tries IPv6 again.
  std::vector<asio::ip::address> order(std::vector<asio::ip::address> addresses, Clock::time_point now);
  /// How one dial fared. Two of unrelated hosts convict IPv6, one that connects by it acquits.
  void saw(std::span<const ConnectAttempt> connects, Clock::time_point now);
  /// Another network.
  void forget();

 private:
  struct Host {
    asio::ip::address v6, v4;
    Clock::time_point at;
  };
  std::optional<Host> once_;                     // where IPv6 failed and IPv4 connected
  std::optional<Clock::time_point> next_trial_;  // IPv6 is broken; when a dial may see whether it still is
};

}  // namespace surang::client
