// What carries a lane's connections: a tunnel (tunnel_carrier), whose one session is shared by all of them
// and can be asked whether it lives. bridge_pool works with nothing else.
#pragma once

#include "transports/core/dialer.hpp"
#include "transports/tunnel/tunnel_dialer.hpp"

namespace surang::client {

/// As TunnelDialer says of each.
class Carrier : public Dialer, public tunnel::Control {
 public:
  virtual asio::awaitable<Result<std::chrono::microseconds>> check(std::chrono::milliseconds limit) = 0;
  virtual tunnel::TunnelStatus status() const = 0;
  virtual std::chrono::steady_clock::time_point heard() const noexcept = 0;
  virtual std::chrono::steady_clock::time_point heard(tunnel::SessionNumber session) const noexcept = 0;
  virtual std::optional<TcpInfo> carrier(tunnel::SessionNumber session) const = 0;
  virtual asio::awaitable<Result<std::chrono::microseconds>> ping(tunnel::SessionNumber session,
                                                                  std::chrono::milliseconds limit) = 0;
  virtual void doubt() = 0;
  virtual void trust(tunnel::SessionNumber session) = 0;
  virtual void retire() = 0;
  virtual void retire(tunnel::SessionNumber session) = 0;
  virtual void start_afresh() = 0;
  virtual void abandon(tunnel::SessionNumber session) = 0;
  virtual asio::awaitable<void> close() = 0;
};

/// A tunnel by one transport of one bridge.
std::unique_ptr<Carrier> make_tunnel_carrier(asio::any_io_executor executor,
                                             std::unique_ptr<TransportDialer> transport, const UserKey& user,
                                             const tunnel::TunnelDialerOptions& options);

}  // namespace surang::client
