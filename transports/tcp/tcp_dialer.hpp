// Direct connections: resolve, then race the addresses (happy eyeballs, RFC 8305).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "transports/core/dialer.hpp"
#include "transports/core/resolver.hpp"

namespace surang {

/// What became of one address, as evidence for whoever asked.
struct ConnectAttempt {
  asio::ip::tcp::endpoint to;
  error_code result;  ///< empty: connected; operation_aborted: another one won first
  std::chrono::steady_clock::duration took{};
};

struct TcpDialerOptions {
  std::chrono::milliseconds attempt_delay{250};  ///< before the next address is tried beside it (RFC 8305 5)
  std::chrono::milliseconds connect_limit{10000};  ///< for the whole dial, without the name resolution
  /// What connections of the one and the other family are made from; the system's choice without.
  std::optional<asio::ip::address> from_v4, from_v6;
  bool bbr = false;  ///< ask for BBR congestion control for long uploads, where the kernel has it
  /// Filters and may reject addresses after resolution (the bridge's egress policy): empty result = denied.
  std::function<std::vector<asio::ip::address>(std::vector<asio::ip::address>, std::uint16_t port)> admit;
};

class TcpDialer : public Dialer {
 public:
  /// `resolver` must outlive the dialer.
  TcpDialer(Resolver& resolver, TcpDialerOptions options);

  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override;

  /// The same for addresses already known; every attempt is written to `attempts` when given.
  /// On total failure the error of the first address that failed for a reason of its own.
  asio::awaitable<Result<StreamPtr>> connect(std::vector<asio::ip::address> addresses, std::uint16_t port,
                                             std::vector<ConnectAttempt>* attempts = nullptr);

 private:
  Resolver& resolver_;
  TcpDialerOptions options_;
};

}  // namespace surang
