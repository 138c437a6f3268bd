#include "client/routing/ladder.hpp"

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
  if (f.verdict == Way::direct_encrypted_dns && encrypted) {
    ways.push_back({Way::direct_encrypted_dns, StartWhen::at_once});
  } else {
    ways.push_back({Way::direct, StartWhen::at_once});
    if (encrypted)
      ways.push_back({Way::direct_encrypted_dns, f.has_tunnel ? StartWhen::on_dns_doubt : StartWhen::hedge});
  }
  if (f.has_tunnel) ways.push_back({Way::tunnel, StartWhen::hedge});
  return ways;
}

}  // namespace surang::client
