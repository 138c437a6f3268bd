// One transport of one bridge as the pool sees it: its tunnel, and how it has fared.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "config/share_link.hpp"
#include "transports/registry.hpp"
#include "transports/tunnel/tunnel_dialer.hpp"

namespace surang::client {

struct Lane {
  Lane(asio::any_io_executor executor, const BridgeIdentity& identity, TransportSpec transport_spec,
       std::string bridge_name, std::unique_ptr<TransportDialer> transport_dialer,
       const tunnel::TunnelDialerOptions& options)
      : bridge(std::move(bridge_name)),
        id(identity),
        spec(std::move(transport_spec)),
        transport(std::move(transport_dialer)),
        tunnel(std::move(executor), *transport, identity.user, options) {}

  const std::string bridge;
  const BridgeIdentity id;
  const TransportSpec spec;
  const std::unique_ptr<TransportDialer> transport;
  tunnel::TunnelDialer tunnel;

  unsigned failures = 0;  // in a row
  bool worked = false;    // ever
  bool verifying = false;
  std::chrono::steady_clock::time_point heard{};  // when it last showed that it works

  std::string name() const { return spec.name + '@' + bridge; }
  bool live() const { return tunnel.status().live; }
};

using LanePtr = std::shared_ptr<Lane>;

}  // namespace surang::client
