// A network made up for the judge: everything that the Router touches (simulated_parts), over streams that
// know when they answer (simulated_stream), with packets that get lost, a censor, outages, a bridge, and a
// second provider's line; time is simulated (tests/support/virtual_time.hpp).
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "client/routing/router.hpp"
#include "tests/bench/judge/simulated_sites.hpp"

namespace surang::judge {

inline double in_seconds(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

/// Connections begun, whoever wanted them, answered or not.
struct Dials {
  std::uint64_t direct = 0, encrypted_dns = 0, bridge = 0;
  std::uint64_t all() const { return direct + encrypted_dns + bridge; }
};

/// What went over the direct way, in bytes of payload.
struct Traffic {
  std::uint64_t browser = 0, probes = 0;
  std::uint64_t browser_flights = 0, probe_flights = 0;
};

class SimulatedNetwork {
 public:
  SimulatedNetwork(boost::asio::any_io_executor executor, Conditions conditions, std::vector<Site> sites,
                   unsigned seed);
  ~SimulatedNetwork();

  client::RouterParts parts();
  Dialer& tunnel();
  /// PEM that the client has to trust.
  const std::string& authority() const;

  Clock::duration now() const;
  /// Whose line is used now.
  int provider() const { return within(conditions_.elsewhere, now()); }
  static std::string identity_of(int provider);
  /// The block that holds now; none where there is none.
  Block block_of(const Site& site) const;
  bool suffers(const Site& site, Block means) const { return includes(block_of(site), means); }
  bool away() const;
  const std::vector<Site>& sites() const { return sites_; }
  /// The first flight of a browser, which the sites tell from a probe's. Over plain HTTP it asks for `size`.
  client::FirstFlight browser_flight(const Site& site, std::size_t size = 0);
  double chance() { return std::uniform_real_distribution<>(0, 1)(random_); }
  double exponential(double mean) { return std::exponential_distribution<>(1 / mean)(random_); }

  Traffic traffic;
  Dials dials;

 private:
  friend class SimulatedStream;
  struct Names;
  struct Connector;
  struct Tunnel;
  struct Control;
  struct Keys;
  const Site* at(const boost::asio::ip::address& address) const;
  const Site* called(const std::string& name) const;
  /// In the order in which they are tried.
  std::vector<boost::asio::ip::address> addresses_of(const Site& site) const;
  /// One exchange of packets by a path: how long until the answer is there.
  Clock::duration exchange(Clock::duration rtt, Clock::duration first_timeout);
  boost::asio::awaitable<void> pause(Clock::duration time);

  boost::asio::any_io_executor executor_;
  Conditions conditions_;
  std::vector<Site> sites_;
  std::mt19937 random_;
  Clock::time_point begin_ = Clock::now();
  std::unique_ptr<Keys> keys_;
  std::unique_ptr<Tunnel> tunnel_;
  std::unique_ptr<Control> control_;
  client::NetworkIdentity identity_;
  std::map<std::string, client::FirstFlight> hellos_;
};

}  // namespace surang::judge
