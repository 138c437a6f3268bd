// Destinations through a bridge by one shared session of one transport, flows of datagrams, and what the
// bridge says of destinations when asked. Makes the session when there is none and replaces a broken one;
// what kind it is the SessionDialer knows.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "transports/core/datagram_flow.hpp"
#include "transports/core/dialer.hpp"
#include "transports/tcp/tcp_info.hpp"
#include "transports/tunnel/control.hpp"
#include "transports/tunnel/session.hpp"

namespace surang::tunnel {

struct TunnelDialerOptions {
  std::chrono::milliseconds connect_limit{8000};  ///< transport connection until the first sign of the bridge
  std::chrono::seconds dead_peer_limit{10};      ///< an unanswered write or PING for so long ends the session
  std::chrono::seconds idle_session_limit{300};  ///< a session without streams is closed after this
};

/// Sessions of one TunnelDialer, numbered from 1 as they are made; 0: none.
using SessionNumber = std::uint64_t;

struct TunnelStatus {
  bool live = false;  ///< a session is up, takes streams, and has heard the bridge
  SessionNumber session = 0;
  std::size_t open_streams = 0;
  std::chrono::microseconds rtt{};             ///< of the last answer; 0 when unknown
  std::uint64_t bytes_up = 0, bytes_down = 0;  ///< payload, since start
  std::uint64_t sessions = 0, failures = 0;
  error_code last_error;
};

class TunnelDialer : public Dialer, public DatagramOpener, public Control {
 public:
  /// `sessions` must outlive it. They run in a TaskGroup of its own on `executor`.
  TunnelDialer(asio::any_io_executor executor, SessionDialer& sessions, TunnelDialerOptions options);
  ~TunnelDialer() override;

  /// Gives the Stream as soon as the request is queued on a live session (made when there is none); what is
  /// written before the bridge's answer travels right behind it, in the first flight (0-RTT) when the session
  /// is new. The bridge's refusal shows on the Stream as Errc::destination_*; a dead bridge as Errc::no_route
  /// or timed_out.
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override;
  StreamPtr dial_at_once(const Endpoint& to) override;

  /// A flow of datagrams by the session, made when there is none. Errc::no_route from a bridge that carries
  /// none; its refusal shows on the flow. The flow ends with its session.
  asio::awaitable<Result<DatagramFlowPtr>> open() override;

  /// Makes or checks the session: a PING answered within `limit`, or the reason why not.
  asio::awaitable<Result<std::chrono::microseconds>> check(std::chrono::milliseconds limit);

  /// By the session that is up; one question at a time, others wait for their turn.
  asio::awaitable<Result<ReachAnswer>> reach(Endpoint to) override;

  TunnelStatus status() const;
  /// When a byte of the bridge came by the present session last, or by one in whatever state; the epoch when
  /// there is none.
  std::chrono::steady_clock::time_point heard() const noexcept;
  std::chrono::steady_clock::time_point heard(SessionNumber session) const noexcept;
  /// What the kernel knows of the connection that carries a session; nothing when there is none.
  std::optional<TcpInfo> carrier(SessionNumber session) const;

  /// A PING by one session, in whatever state it is, answered within `limit`, or the reason why not.
  asio::awaitable<Result<std::chrono::microseconds>> ping(SessionNumber session,
                                                          std::chrono::milliseconds limit);
  /// The present session may be dead: it takes no new streams until it is trusted again, others go by one
  /// that is made beside it.
  void doubt();
  /// It lives. Takes streams again, unless there is another by now: then its own may end.
  void trust(SessionNumber session);
  /// Lets open streams end, takes no new ones (network change, better transport): the present session.
  void retire();
  void retire(SessionNumber session);  ///< a session, present or not
  /// The same of the present session, and gives up one that is being made.
  void give_up();
  /// The computer is on another network. True: the present session goes on by that, and stays. Else it is
  /// given up. A connection that is being made is of the old network, and given up either way.
  bool start_afresh();
  /// Ends a session at once, present or not: it is known to be dead. Its streams fail with Errc::timed_out.
  void abandon(SessionNumber session);
  asio::awaitable<void> close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace surang::tunnel
