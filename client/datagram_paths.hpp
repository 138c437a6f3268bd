// The datagrams of one program, each by the way of the site that it is for: directly, or by a bridge. Those
// who take them from the program (session_datagrams, client/capture) give them here one by one, and are given
// what comes back.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "client/routing/outbound.hpp"
#include "client/routing/quic_site.hpp"
#include "transports/core/task_group.hpp"

namespace surang::client {

class DatagramPaths {
 public:
  using Deliver = std::function<void(const Endpoint& from, std::span<const std::uint8_t> payload)>;

  enum class From { here, guest };

  /// `outbound` must outlive it, and it `tasks`, in which its flows are received; `deliver` takes what comes.
  /// What a guest sends goes directly to public addresses alone.
  DatagramPaths(Outbound& outbound, TaskGroup& tasks, asio::any_io_executor executor, Deliver deliver,
                From from = From::here);
  ~DatagramPaths();

  /// To an address or a name. What answers is from an address; where QUIC tells that an address's site goes
  /// by a bridge, from `to`, as the program knows it.
  void forward(const Endpoint& to, std::span<const std::uint8_t> payload);
  /// To `site`, a name, which the program knows by the address `as`: all that answers seems to be from there.
  void forward_as(const Endpoint& as, const Endpoint& site, std::span<const std::uint8_t> payload);

 private:
  class Line;
  struct Peer;
  using DatagramWay = Outbound::DatagramWay;

  void send_by(DatagramWay way, const Endpoint& to, std::span<const std::uint8_t> payload);
  void send_to(Peer& peer, const Endpoint& to, std::span<const std::uint8_t> payload);
  DatagramWay way_to(const Endpoint& to);
  Peer* peer_at(const Endpoint& to, std::span<const std::uint8_t> payload);
  Peer& new_peer(const Endpoint& to);
  void begin(Peer& peer, const Endpoint& to);
  std::shared_ptr<Line> line(DatagramWay way, std::optional<Endpoint> as = {});

  Outbound& outbound_;
  TaskGroup& tasks_;
  const asio::any_io_executor executor_;
  const Deliver deliver_;
  const DatagramWay directly_;
  const std::shared_ptr<Line> direct_, tunnel_;
  std::map<Endpoint, Peer> peers_;
  struct {
    Endpoint to;
    DatagramWay way = DatagramWay::refused;
    std::chrono::steady_clock::time_point until{};
  } believed_;
};

}  // namespace surang::client
