// Which ways to try for one connection, in which order, and what starts each (DETECTION.md, ways). Pure.
#pragma once

#include <optional>
#include <vector>

#include "client/detection/way.hpp"
#include "config/client_options.hpp"

namespace surang::client {

enum class StartWhen {
  at_once,
  on_dns_doubt,  ///< the name server's answer is not to be believed, or nothing else is left
  hedge,         ///< the one before has been silent for the hedge delay, or has failed
  evading,       ///< a direct way has failed, or been silent, as `way` may put right, and so has the evasion
                 ///< before
  when_tunnel_is_down  ///< only when the tunnel itself failed (an evasion: and with the same reason)
};

struct PlannedWay {
  Way way = Way::direct;
  StartWhen when = StartWhen::at_once;
  friend bool operator==(const PlannedWay&, const PlannedWay&) = default;
};

struct LadderFacts {
  bool local = false;      ///< this computer, its own network, or where the person's hosts file says
  bool name = true;        ///< a host name, not an address
  bool has_tunnel = true;  ///< a bridge is configured
  bool has_encrypted_dns = true;
  std::optional<config::RuleAction> rule;
  std::optional<Way> verdict;  ///< the way of a verdict that holds now
  bool captive = false;        ///< the network wants the person to sign in first
  std::vector<Way> evasions;   ///< that apply to the flight, the likeliest first (client/evasion/choice)
  bool leaning = false;        ///< the tunnel has just won and the verdict is being confirmed
  config::OnTunnelDown on_tunnel_down = config::OnTunnelDown::fail_closed;
};

/// Empty only for rule `never`.
std::vector<PlannedWay> plan_ways(const LadderFacts& facts);

}  // namespace surang::client
