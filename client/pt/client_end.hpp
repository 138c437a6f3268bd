// The client's end of the pluggable transport: a connection of the parent's says by SOCKS5 where the bridge
// is and by user name and password what its bridge line says; it becomes an obfs4 connection there.
// pt_program listens.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>

#include "client/outer_proxy/outer_proxy_dialer.hpp"
#include "client/pt/pt_environment.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"

namespace surang::client::pt {

class ClientEnd {
 public:
  explicit ClientEnd(const ClientSetup& setup);

  /// One connection from its first byte to its end. It is answered once the bridge has proved to be the one.
  asio::awaitable<void> serve(asio::ip::tcp::socket socket);

 private:
  SystemResolver resolver_;
  TcpDialer tcp_;
  std::optional<OuterProxyDialer> proxy_;
  Dialer& way_;
  std::uint64_t served_ = 0;
};

}  // namespace surang::client::pt
