// All bridges of the person as one Dialer: a tunnel through whichever bridge and transport works now. Prefers
// what worked on this network, races the next when that fails or is silent, goes back to the better one when
// that works again, and in an outage neither floods the network nor keeps anybody waiting.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/bridges/lane_store.hpp"
#include "config/share_link.hpp"
#include "transports/core/dialer.hpp"
#include "transports/registry.hpp"
#include "transports/tunnel/tunnel_dialer.hpp"

namespace surang::client {

struct BridgePoolOptions {
  std::chrono::milliseconds stagger{400};        ///< before a silent lane gets a rival
  std::chrono::milliseconds answer_limit{5000};  ///< for a lane to show that it works
  std::chrono::milliseconds retry_pause{1000};   ///< between two attempts while nothing works
  std::chrono::milliseconds patience{1500};      ///< of a dial while nothing works, before Errc::no_route
  std::chrono::seconds trust{15};                ///< a live session not heard of for longer is asked again
  std::chrono::seconds warm{120};                ///< after the last use, a lost session is made again
  tunnel::TunnelDialerOptions tunnel;
  /// Of the network that this computer is on: what works is remembered by it. Empty: one for all.
  std::function<std::string()> network;
  std::shared_ptr<LaneStore> memory;  ///< null: as long as the pool lives
  /// Whether what a connection has said so far may be said by a second one. Empty: never.
  std::function<bool(std::span<const std::uint8_t>)> may_repeat;
  /// What leads to the proxy behind a bridge that is none of ours (`foreign`). Empty: there can be none.
  std::function<Result<RawDialer>(const TransportSpec&, const BridgeIdentity&, std::string& why)> make_raw;
};

/// One transport of one bridge, for `surang status`.
struct LaneStatus {
  std::string name;       ///< "https@home"
  std::string bridge;     ///< the link's name, or the bridge's host
  std::string transport;  ///< "https"
  bool preferred = false;
  unsigned failures = 0;            ///< in a row
  std::int64_t blocked_since = 0;   ///< unix seconds: failing on this network while others work; 0: it is not
  std::chrono::seconds retry_in{};  ///< until a blocked one is tried again
  tunnel::TunnelStatus tunnel;
};

class BridgePool : public Dialer, public DatagramOpener, public tunnel::Control {
 public:
  using Factory = std::function<Result<std::unique_ptr<tunnel::SessionDialer>>(
      const TransportSpec&, const BridgeIdentity&, std::string& why)>;

  /// `make` gives what makes a transport's sessions; whatever it refers to must outlive the pool.
  BridgePool(asio::any_io_executor executor, Factory make, BridgePoolOptions options = {});
  ~BridgePool() override;

  /// Swaps the bridges. Those that stay keep their sessions; on those that go, open streams may end. What a
  /// link asks for and this build cannot do is named in the answer, one sentence each.
  std::vector<std::string> set_bridges(const std::vector<config::ShareLink>& links);

  /// Errc::no_route when no bridge works now.
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override;
  StreamPtr dial_at_once(const Endpoint& to) override;

  /// A flow by the bridge that carries now, or is found. It ends with the bridge's session: the next one goes
  /// by whatever carries then.
  asio::awaitable<Result<DatagramFlowPtr>> open() override;

  /// By the session that is up, or that a running search finds; begins none. Within 5 s.
  asio::awaitable<Result<tunnel::ReachAnswer>> reach(Endpoint to) override;
  /// The network has changed, or the computer has slept: a session of before is asked at once whether it
  /// lives, and one that the person may need soon is made again.
  void network_changed();

  bool empty() const;
  std::vector<LaneStatus> status() const;
  /// Asks every lane at once; status() then tells.
  asio::awaitable<void> check_all();
  /// Ends all sessions; no dial() may run or follow.
  asio::awaitable<void> stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace surang::client
