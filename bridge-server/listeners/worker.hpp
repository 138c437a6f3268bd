// One thread of the bridge: its own io_context, its own listening sockets (SO_REUSEPORT), its own
// connections. A connection lives and dies here; what workers share is in Shared.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "bridge-server/egress/egress_policy.hpp"
#include "bridge-server/keys.hpp"
#include "bridge-server/listeners/handshake_gate.hpp"
#include "bridge-server/published.hpp"
#include "bridge-server/users/user_table.hpp"
#include "config/bridge_options.hpp"
#include "transports/fronted/origin.hpp"
#include "transports/https/https_acceptor.hpp"
#include "transports/obfs4/obfs4_acceptor.hpp"
#include "transports/quic/quic_listener.hpp"
#include "transports/tunnel/tunnel_acceptor.hpp"

namespace surang::bridge {

/// What all workers use. Options and policy are swapped whole on reload.
struct Shared {
  explicit Shared(std::shared_ptr<const config::BridgeOptions> given) : options(std::move(given)) {}
  Published<config::BridgeOptions> options;
  Published<EgressPolicy> egress;
  BridgeKeys keys;
  UserTable users;
  std::unique_ptr<https::ReplaySet> replays;  ///< made before the first worker
  https::AcceptorCounters accepted;
  obfs4::ReplayFilter obfs4_replays;
  obfs4::AcceptorCounters obfs4_accepted;
  fronted::OriginCounters fronted;
  quic::ListenerCounters quic;
  tunnel::ServeCounters served;
  HandshakeGate gate;
  std::size_t max_covered = 1024;  ///< strangers with the cover site at once, and of obfs4 shown nothing
  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> connections{0};       ///< accepted, of all time
  std::atomic<std::uint64_t> refused_address{0};   ///< over max_handshakes_per_address, not looked at
  std::atomic<std::uint64_t> refused_sessions{0};  ///< over max_sessions_per_user
  std::atomic<std::uint64_t> refused_proxy_header{0};
};

class Worker {
 public:
  /// `shared` must outlive it.
  explicit Worker(Shared& shared);
  ~Worker();

  /// Binds a listener, beside other workers but where it is fronted or quic; its address then has the port that the
  /// system chose for 0. The system's error, or Errc::bad_input, with `why` naming the address.
  Result<void> listen(config::ListenerOptions& listener, std::string& why);
  void start();  ///< runs on a thread of its own

  // From any thread:
  void reload();          ///< takes the present options (cover site), and certificates from their files
  void cut_sessions();    ///< ends the sessions of accounts that are no longer in good standing
  void stop_listening();  ///< no session begins any more; those that are here go on
  std::size_t open_sessions() const noexcept;
  void stop();  ///< ends everything and joins the thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace surang::bridge
