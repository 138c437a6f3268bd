// Keeps the identity of the network at hand: asking costs next to nothing, and the facts are read anew when
// the system says that they may have changed, after a sleep, and otherwise rarely. Routing asks it several
// times for each connection. Pure, with given times.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "client/detection/network_id.hpp"
#include "client/detection/signals.hpp"
#include "client/detection/sleep_detector.hpp"

namespace surang::client {

struct NetworkSources {
  std::function<NetworkFacts()> facts = read_network_facts;
  std::function<std::string()> stamp = resolvers_stamp;
  std::function<SleepClocks()> clocks = read_sleep_clocks;
};

class NetworkWatch {
 public:
  explicit NetworkWatch(NetworkSources sources = {}) : sources_(std::move(sources)) {}

  /// Something may have changed: the next question reads the facts. Any number of these cost one read.
  void stale() noexcept { stale_ = true; }
  /// Whether somebody calls stale(): without that the facts are read every 20 ms, as long as anybody asks.
  void told(bool by_system) noexcept { told_ = by_system; }

  /// Holds until the next call.
  const NetworkIdentity& current(Clock::time_point now = Clock::now());

 private:
  void read(Clock::time_point now);

  NetworkSources sources_;
  bool stale_ = true, told_ = false;
  Clock::time_point next_look_{}, next_read_{}, joined_{};
  std::optional<Clock::time_point> emptied_;  // the list of resolvers, since then
  std::string stamp_;
  SleepDetector sleep_;
  NetworkFacts facts_;
  NetworkIdentity identity_;
  std::map<std::string, std::string> macs_;  // last seen, by interface kind and gateway
};

}  // namespace surang::client
