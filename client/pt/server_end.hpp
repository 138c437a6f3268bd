// The bridge's end of the pluggable transport: an obfs4 server whose clients' bytes go to the parent's
// ORPort, or to its Extended ORPort, which is told who the client is. Everybody else is shown nothing.
// pt_program listens.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "client/pt/obfs4_state.hpp"
#include "client/pt/pt_environment.hpp"
#include "transports/obfs4/connection.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"

namespace surang::client::pt {

class ServerEnd {
 public:
  ServerEnd(const ServerSetup& setup, const Obfs4State& state);

  /// One connection from its first byte to its end.
  asio::awaitable<void> serve(asio::ip::tcp::socket socket);

 private:
  asio::awaitable<Result<StreamPtr>> open_parent(std::string client);

  const ServerSetup setup_;
  obfs4::ServerOptions options_;
  obfs4::ReplayFilter replays_;
  std::atomic<std::size_t> held_{0};  // strangers
  SystemResolver resolver_;
  TcpDialer tcp_;
  std::uint64_t served_ = 0;
};

}  // namespace surang::client::pt
