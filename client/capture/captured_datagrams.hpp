// The datagrams that the rules lead here: questions to name servers go to the DnsDesk, all others their way,
// for each program's socket by paths of its own (captured_datagrams_linux.cpp). Used by Capture.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <map>
#include <memory>

#include "client/capture/asking.hpp"
#include "client/capture/dns_desk.hpp"
#include "client/capture/fake_addresses.hpp"
#include "client/routing/outbound.hpp"
#include "transports/core/task_group.hpp"

namespace surang::client::capture {

class CapturedDatagrams {
 public:
  /// All must outlive it, and it what runs of it in `tasks`.
  CapturedDatagrams(asio::any_io_executor executor, Outbound& outbound, FakeAddresses& names, DnsDesk& dns,
                    TaskGroup& tasks);
  ~CapturedDatagrams();

  /// Until cancelled. `socket` is of open_for_captured().
  asio::awaitable<void> run(std::shared_ptr<asio::ip::udp::socket> socket);

 private:
  using Udp = asio::ip::udp;
  class Program;
  struct Face {
    std::unique_ptr<Udp::socket> socket;
    std::chrono::steady_clock::time_point last_use{};
  };

  void take(std::span<const std::uint8_t> payload, const Udp::endpoint& from, const Udp::endpoint& to);
  /// To a program, as if from there.
  void give(std::span<const std::uint8_t> payload, const Udp::endpoint& from, const Udp::endpoint& to);
  asio::awaitable<void> answer(std::vector<std::uint8_t> query, Udp::endpoint from, DnsDesk::Asked asked);
  asio::awaitable<void> live(std::shared_ptr<Program> program, Udp::endpoint from);

  const asio::any_io_executor executor_;
  Outbound& outbound_;
  FakeAddresses& names_;
  DnsDesk& dns_;
  TaskGroup& tasks_;
  std::map<Udp::endpoint, std::shared_ptr<Program>> programs_;
  std::map<Udp::endpoint, Face> faces_;  // sockets that send as somebody else
  Asking asking_;
};

}  // namespace surang::client::capture
