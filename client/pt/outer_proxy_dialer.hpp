// Connections through the outer proxy, and by no other way: what TOR_PT_PROXY asks for. client_end dials by
// it.
#pragma once

#include "client/pt/outer_proxy.hpp"
#include "transports/core/dialer.hpp"

namespace surang::client::pt {

class OuterProxyDialer : public Dialer {
 public:
  /// `tcp` reaches the proxy and must outlive it. Names go to the proxy as they are.
  OuterProxyDialer(OuterProxy proxy, Dialer& tcp) : proxy_(std::move(proxy)), tcp_(tcp) {}

  /// The proxy's refusal as ProxyNegotiation::error; Errc::timed_out when it takes more than 30 s to answer.
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override;

 private:
  const OuterProxy proxy_;
  Dialer& tcp_;
};

}  // namespace surang::client::pt
