// The parts that the Router works with, in a simulated network: names, direct connections, the tunnel and the
// bridge's word. Included by simulated_network.cpp and simulated_parts.cpp only.
#pragma once

#include <map>
#include <string>

#include "tests/bench/judge/simulated_network.hpp"

namespace surang::judge {

struct SimulatedNetwork::Names : client::Names {
  explicit Names(SimulatedNetwork& n) : net(n) {}
  asio::awaitable<client::NameAnswer> system(std::string host) override;
  asio::awaitable<Result<std::vector<asio::ip::address>>> encrypted(std::string host) override;
  bool has_encrypted() const noexcept override { return true; }
  void trust(const std::string&) override {}
  void forget() override { cached.clear(); }
  void forget_name(const std::string& host) override { cached.erase(host); }

  SimulatedNetwork& net;
  std::map<std::string, Clock::time_point> cached;
};

struct SimulatedNetwork::Connector : client::Connector {
  explicit Connector(SimulatedNetwork& n) : net(n) {}
  asio::awaitable<Result<StreamPtr>> connect(std::vector<asio::ip::address> addresses, std::uint16_t port,
                                             std::vector<ConnectAttempt>* attempts) override;

  struct Outcome {
    Clock::duration took{};
    error_code error;
  };
  /// `mood` below 1: the site's own fault.
  Outcome dial(const asio::ip::address& to, double mood);

  SimulatedNetwork& net;
};

struct SimulatedNetwork::Tunnel : Dialer {
  explicit Tunnel(SimulatedNetwork& n) : net(n) {}
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override;
  SimulatedNetwork& net;
};

struct SimulatedNetwork::Control : tunnel::Control {
  explicit Control(SimulatedNetwork& n) : net(n) {}
  asio::awaitable<Result<tunnel::ReachAnswer>> reach(Endpoint to) override;
  SimulatedNetwork& net;
};

}  // namespace surang::judge
