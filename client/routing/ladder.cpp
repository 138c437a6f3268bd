#include "client/routing/ladder.hpp"

#include <algorithm>

namespace surang::client {

std::vector<PlannedWay> plan_ways(const LadderFacts& f) {
  using config::RuleAction;
  if (f.rule == RuleAction::never) return {};
  if (f.rule == RuleAction::always_direct || (f.local && !f.rule)) return {{Way::direct, StartWhen::at_once}};
  // Its sign-in page has to come through, and nothing else would.
  if (f.captive && !f.rule && !f.verdict) return {{Way::direct, StartWhen::at_once}};

  const bool encrypted = f.name && f.has_encrypted_dns;
  const bool must_tunnel = f.rule == RuleAction::always_tunnel;
  // A rule holds even without a bridge: then there is no way, rather than another one.
  if (must_tunnel || (f.has_tunnel && (f.verdict == Way::tunnel || (f.leaning && !f.verdict)))) {
    std::vector<PlannedWay> ways{{Way::tunnel, StartWhen::at_once}};
    if (!must_tunnel && f.on_tunnel_down == config::OnTunnelDown::direct)
      ways.push_back({Way::direct, StartWhen::when_tunnel_is_down});
    return ways;
  }
  std::vector<PlannedWay> ways;
  const auto& evasions = f.evasions;
  if (f.verdict && std::find(evasions.begin(), evasions.end(), *f.verdict) != evasions.end()) {
    ways.push_back({*f.verdict, StartWhen::at_once});
    if (f.has_tunnel) {
      ways.push_back({Way::tunnel, StartWhen::hedge});
      return ways;
    }
    for (const auto way : evasions)
      if (way != *f.verdict) ways.push_back({way, StartWhen::hedge});
    ways.push_back({Way::direct, StartWhen::hedge});
    return ways;
  }
  if (f.verdict == Way::direct_encrypted_dns && encrypted) {
    ways.push_back({Way::direct_encrypted_dns, StartWhen::at_once});
  } else {
    ways.push_back({Way::direct, StartWhen::at_once});
    if (encrypted)
      ways.push_back({Way::direct_encrypted_dns, f.has_tunnel ? StartWhen::on_dns_doubt : StartWhen::hedge});
  }
  // With a bridge the browser waits for one evasion only (there may be no other address, so that is none);
  // the rest have their turn behind its back.
  auto in_flight = evasions.size();
  if (f.has_tunnel && in_flight > 0)
    in_flight = std::min<std::size_t>(in_flight, evasions.front() == Way::direct_other_address ? 2 : 1);
  for (std::size_t i = 0; i < in_flight; ++i) ways.push_back({evasions[i], StartWhen::evading});
  if (f.has_tunnel) ways.push_back({Way::tunnel, StartWhen::hedge});
  for (std::size_t i = in_flight; i < evasions.size(); ++i)
    ways.push_back({evasions[i], StartWhen::when_tunnel_is_down});
  return ways;
}

}  // namespace surang::client
