// A negotiation with a proxy, carried out. pt: client_end makes every connection by OuterProxyDialer, and by
// no other way: what TOR_PT_PROXY asks for. bridges: socks_carrier speaks to the proxy behind a bridge.
#pragma once

#include "client/outer_proxy/outer_proxy.hpp"
#include "transports/core/dialer.hpp"

namespace surang::client {

/// Says what there is to say, and hears the next part of the answer; Errc of the stream. Only while the
/// negotiation is talking. All references are to what the awaiting coroutine holds.
asio::awaitable<Result<void>> hear_next(Stream& proxy, ProxyNegotiation& negotiation);

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

}  // namespace surang::client
