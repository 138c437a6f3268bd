// What carries a lane's connections: a tunnel (tunnel_carrier), whose one session is shared by all of them
// and can be asked whether it lives, or a SOCKS proxy behind a bridge that is none of ours (socks_carrier),
// to which each is one of its own. bridge_pool works with nothing else.
#pragma once

#include "transports/core/datagram_flow.hpp"
#include "transports/core/dialer.hpp"
#include "transports/registry.hpp"
#include "transports/tunnel/tunnel_dialer.hpp"

namespace surang::client {

/// As TunnelDialer says of each.
class Carrier : public Dialer, public DatagramOpener, public tunnel::Control {
 public:
  /// Its connections share a session and may be given before that has answered.
  virtual bool shared() const noexcept = 0;
  /// As SessionDialer says.
  virtual bool resumes() const noexcept { return false; }
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
  virtual void give_up() = 0;
  virtual bool start_afresh() = 0;
  virtual void abandon(tunnel::SessionNumber session) = 0;
  virtual asio::awaitable<void> close() = 0;
};

/// A tunnel by one transport of one bridge.
std::unique_ptr<Carrier> make_tunnel_carrier(asio::any_io_executor executor,
                                             std::unique_ptr<tunnel::SessionDialer> sessions,
                                             const tunnel::TunnelDialerOptions& options);

/// A SOCKS5 proxy without a password (RFC 1928), to which `connect` leads. It is live from the moment when it
/// has shown that it speaks SOCKS until it fails to. A refusal of the proxy's shows as Errc::destination_*, a
/// bridge that does not answer, or no proxy behind it, as Errc::no_route or timed_out.
std::unique_ptr<Carrier> make_socks_carrier(RawDialer connect);

}  // namespace surang::client
