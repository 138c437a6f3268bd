// Routing and detection behind one door: opens each connection by the ways that rules, verdicts and evidence
// call for, and learns from how they fare (DETECTION.md). Used from its executor only.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>

#include "client/detection/attempt.hpp"
#include "client/detection/network_id.hpp"
#include "client/detection/verdict_store.hpp"
#include "client/routing/outbound.hpp"
#include "config/client_options.hpp"
#include "transports/core/datagram_flow.hpp"
#include "transports/tunnel/control.hpp"

namespace surang::client {

/// What the Router works with; tests put scripted ones in their place.
struct RouterParts {
  std::unique_ptr<Names> names;
  std::unique_ptr<Connector> connector;
  std::function<const NetworkIdentity*()> network;  ///< never null; what it gives holds until the next call
  /// Says whom to call, from the executor, when that may have changed. May be empty: nobody can tell.
  std::function<void(std::function<void()>)> on_network_news;
  std::function<bool(const Endpoint&)> is_local;
  /// An address of this machine, which is not dialled for guests. May be empty.
  std::function<bool(const asio::ip::address&)> of_this_machine;
  /// Whether the site has sent a byte on a connection that somebody else reads; true where that is not known.
  std::function<bool(const Stream&)> heard;
  tunnel::Control* control =
      nullptr;  ///< what the bridge sees of sites; null without one. Outlives the Router
  DatagramOpener* datagrams = nullptr;  ///< by a bridge; null without one. Outlives the Router
};

struct RouterCore;

class Router : public Outbound {
 public:
  /// Whether an address and port are this program's own, which is never dialled whatever name led there.
  using OwnPort = std::function<bool(const asio::ip::address&, std::uint16_t)>;

  using NameServers = std::function<std::vector<asio::ip::udp::endpoint>()>;

  /// `tunnel`, `control`, `datagrams` (null without a bridge) and `store` must outlive it. After stop()
  /// nothing of it runs any more.
  Router(asio::any_io_executor executor, const config::ClientOptions& options, Dialer* tunnel,
         VerdictStore& store, OwnPort own_port = {}, tunnel::Control* control = nullptr,
         DatagramOpener* datagrams = nullptr);
  Router(asio::any_io_executor executor, const config::ClientOptions& options, Dialer* tunnel,
         VerdictStore& store, RouterParts parts);
  ~Router() override;

  std::shared_ptr<HeadStart> begin(const Endpoint& to) override;
  asio::awaitable<Result<OpenedConnection>> open(Endpoint to, FirstFlight flight,
                                                 std::shared_ptr<HeadStart> begun) override;
  error_code refuses(const Endpoint& to) const override;
  DatagramWay datagram_way(const Endpoint& to, const std::string& site) override;
  asio::awaitable<Result<DatagramFlowPtr>> open_datagrams(DatagramWay way) override;
  Standing standing(const Endpoint& to, const std::string& site) override;
  asio::awaitable<NameWord> look_up(std::string name) override;
  asio::awaitable<Result<std::vector<std::uint8_t>>> ask_encrypted(std::vector<std::uint8_t> query) override;

  /// What is believed of `host` on this network and what was seen: {"host", "network", "way", "since",
  /// "expires", "signal", "scope", "service", "sensitive", "evidence": [...], "text"}; `text` is for a
  /// person.
  boost::json::object why(std::string host);
  /// Tries every way now, and asks the bridge what it sees: {"host", "ways": [{"way", "works", "signal",
  /// "ms", "text"}...], "bridge": {"reaches", "saw", "text"}, "means", "text"}; the last but one is a
  /// ControlWord. Learns nothing.
  asio::awaitable<boost::json::object> check(std::string host);
  /// The verdicts that hold on this network now.
  boost::json::array convictions();
  /// The key that what is known of this network is kept under.
  std::string network();
  /// Whether this network wants the person to sign in first.
  bool captive_portal();
  /// Called when the network has changed or the computer has slept, at once; connections made before may be
  /// dead.
  void when_network_changes(std::function<void()> call);
  /// The name servers are those that `servers` gives, in the place of the system's.
  void ask_name_servers_of(NameServers servers);
  /// The person's rules, swapped whole.
  void set_rules(std::vector<config::Rule> rules);
  /// Ends everything in the background; no open() may run or follow.
  asio::awaitable<void> stop();

 private:
  std::shared_ptr<RouterCore> core_;
};

}  // namespace surang::client
