// One connection to a bridge that carries many destinations, and what makes such: HTTP/2 over a stream
// transport (h2_dialer), or a transport that has streams of its own. TunnelDialer works with nothing else.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "transports/core/datagram_flow.hpp"
#include "transports/core/endpoint.hpp"
#include "transports/core/stream.hpp"
#include "transports/tcp/tcp_info.hpp"

namespace surang::tunnel {

struct SessionOptions {
  /// For making it and until the first sign of the bridge.
  std::chrono::steady_clock::duration connect_limit;
  std::chrono::steady_clock::duration dead_peer_limit;  ///< an unanswered write or PING for so long ends it
  std::chrono::steady_clock::duration idle_limit;       ///< without streams
  /// Payload bytes are added to these as they pass; they outlive the session. Null where unused.
  std::atomic<std::uint64_t>* sent = nullptr;
  std::atomic<std::uint64_t>* received = nullptr;
};

/// Used from one executor. What it gives out outlives it, failing.
class Session {
 public:
  virtual ~Session() = default;

  /// Works until the session ended; no error when it was drained, idle, or ended by the peer with nothing
  /// open. Streams that are left fail. A cancellation passes through after everything has stopped. Without it
  /// nothing leaves.
  virtual asio::awaitable<error_code> run() = 0;

  /// A Stream to `to` at once; the bridge's refusal shows on it as Errc::destination_*, the end of the
  /// session as Errc::no_route or timed_out.
  virtual StreamPtr connect(const Endpoint& to) = 0;
  /// Errc::would_block: not known yet whether the bridge carries any, ping first. Errc::no_route: it does
  /// not. Its refusal shows on the flow, which ends with the session.
  virtual Result<DatagramFlowPtr> open_flow() = 0;
  /// Asks about `to` as Control says; reads as the answer's text. A refusal, or the end of the session, shows
  /// as the error that Control::reach gives.
  virtual StreamPtr question(const Endpoint& to) = 0;

  /// Says who we are without asking for anything, unless that was said already.
  virtual void introduce() = 0;
  /// Round trip; an error when the session ends first, given before run() returns.
  virtual asio::awaitable<Result<std::chrono::microseconds>> ping() = 0;

  virtual void drain() = 0;             ///< takes no new streams; run() ends with the last one
  virtual void abandon() noexcept = 0;  ///< the bridge is known to be gone: streams fail with Errc::timed_out
  virtual bool usable() const noexcept = 0;  ///< takes another stream
  virtual bool heard() const noexcept = 0;   ///< anything of the bridge, ever
  virtual std::size_t streams() const noexcept = 0;
  virtual std::chrono::microseconds rtt() const noexcept = 0;  ///< of the last answer; 0 when unknown
  virtual std::chrono::steady_clock::time_point last_heard() const noexcept = 0;
  /// What the kernel knows of the connection beneath; nothing when that is not of TCP.
  virtual std::optional<TcpInfo> carrier() const = 0;

  /// The computer is on another network. True: this session goes on by that.
  virtual bool follow() { return false; }
};

class SessionDialer {
 public:
  virtual ~SessionDialer() = default;
  virtual std::string_view name() const noexcept = 0;  ///< "https", "obfs4", ...
  /// A session goes on by other connections when the one beneath dies: a silent one may come back.
  virtual bool resumes() const noexcept { return false; }
  /// A session that nobody runs yet. Whoever waits for it waits no longer than `options.connect_limit`.
  virtual asio::awaitable<Result<std::unique_ptr<Session>>> connect(SessionOptions options) = 0;
};

}  // namespace surang::tunnel
