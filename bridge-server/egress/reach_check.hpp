// Whether a destination answers where the bridge stands, with which addresses and which certificate
// (PROTOCOL.md, control). Dials by the same resolver and policy as CONNECT does. One a worker, shared by its
// sessions.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "transports/core/resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"
#include "transports/tunnel/reach_answer.hpp"

namespace surang::bridge {

struct ReachLimits {
  std::chrono::milliseconds whole{4000};  ///< for one look
  std::chrono::milliseconds name{2000};   ///< of that, for the name
  std::chrono::milliseconds last{1000};   ///< and kept for what the site says once connected
  std::chrono::milliseconds remembered{10'000};
  std::size_t bytes = 64 * 1024;  ///< read from the site
  std::size_t at_once = 32, known = 256;
};

class ReachCheck {
 public:
  /// Where what was read and written at the site is added.
  using Spent = std::shared_ptr<std::atomic<std::uint64_t>>;

  /// `resolver` must outlive it; `egress` as of the dialer that serves CONNECT; `roots` say what verifies.
  ReachCheck(asio::any_io_executor executor, Resolver& resolver, TcpDialerOptions egress,
             std::shared_ptr<SSL_CTX> roots, ReachLimits limits = {});
  ~ReachCheck();

  /// One look for all who ask at the same time or soon after; the first pays for it, also when it leaves.
  /// Errc::destination_denied by the policy, Errc::limit when too many are under way.
  asio::awaitable<Result<tunnel::ReachAnswer>> look(Endpoint to, Spent spent);
  /// Ends what is under way; nothing may be asked from then on.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace surang::bridge
