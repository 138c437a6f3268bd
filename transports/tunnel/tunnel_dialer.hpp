// Destinations through a bridge: HTTP/2 CONNECT (RFC 9113 8.5) over one shared session of one transport, and
// what the bridge says of destinations when asked (PROTOCOL.md, tunnel, control).
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "transports/core/dialer.hpp"
#include "transports/core/transport.hpp"
#include "transports/tunnel/control.hpp"

namespace surang::tunnel {

struct TunnelDialerOptions {
  std::chrono::milliseconds connect_limit{8000};  ///< transport connection until the first sign of the bridge
  std::chrono::seconds dead_peer_limit{10};      ///< an unanswered write or PING for so long ends the session
  std::chrono::seconds idle_session_limit{300};  ///< a session without streams is closed after this
};

struct TunnelStatus {
  bool live = false;  ///< a session is up and has heard the bridge
  std::size_t open_streams = 0;
  std::chrono::microseconds rtt{};             ///< of the last answer; 0 when unknown
  std::uint64_t bytes_up = 0, bytes_down = 0;  ///< payload, since start
  std::uint64_t sessions = 0, failures = 0;
  error_code last_error;
};

class TunnelDialer : public Dialer, public Control {
 public:
  /// `transport` must outlive it. Sessions run in a TaskGroup of its own on `executor`.
  TunnelDialer(asio::any_io_executor executor, TransportDialer& transport, const UserKey& user,
               TunnelDialerOptions options);
  ~TunnelDialer() override;

  /// Gives the Stream as soon as the CONNECT is queued on a live session (made when there is none); what is
  /// written before the bridge's answer travels right behind it, in the first flight (0-RTT) when the session
  /// is new. The bridge's refusal shows on the Stream as Errc::destination_*; a dead bridge as Errc::no_route
  /// or timed_out.
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override;
  StreamPtr dial_at_once(const Endpoint& to) override;

  /// Makes or checks the session: a PING answered within `limit`, or the reason why not.
  asio::awaitable<Result<std::chrono::microseconds>> check(std::chrono::milliseconds limit);

  /// By the session that is up; one question at a time, others wait for their turn.
  asio::awaitable<Result<ReachAnswer>> reach(Endpoint to) override;

  TunnelStatus status() const;
  /// Lets open streams end, takes no new ones on the present session (network change, better transport).
  void retire();
  /// Ends the present session at once: it is known to be dead. Its streams fail with Errc::timed_out.
  void abandon();
  asio::awaitable<void> close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace surang::tunnel
