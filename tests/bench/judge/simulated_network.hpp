// A network made up for the judge: sites with their distance and their moods, packets that get lost, a censor
// with a schedule, outages, a bridge. Everything that the Router touches, over streams that know when they
// answer; time is simulated (tests/support/virtual_time.hpp).
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "client/routing/router.hpp"

namespace surang::judge {

using client::Clock;
using Span = std::pair<Clock::duration, Clock::duration>;  ///< from, to, since the beginning

/// How a censor keeps a site away.
enum class Block { none, dns_nxdomain, dns_bogon, dns_liar, syn_drop, syn_reset, icmp, reset, fin, silence };
std::string_view to_string(Block block);
inline constexpr int kBlocks = 10;

struct Site {
  std::string name;
  Block block = Block::none;
  std::vector<Span> blocked;   ///< when it is
  double flaky = 0;            ///< share of connections that the site itself spoils, whoever makes them
  Clock::duration distance{};  ///< round trip beyond the access network
  Clock::duration thinking{};  ///< on average, before it answers
};

struct Conditions {
  double loss = 0;        ///< of packets, each way
  Clock::duration rtt{};  ///< of the access network
  Clock::duration bridge_rtt{};
  std::vector<Span> outages;   ///< nothing comes through
  bool names_survive = false;  ///< but for the names, which a resolver near by has in its cache
  std::vector<Span> bridge_down;
};

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
  bool is_blocked(const Site& site) const;
  bool away() const;
  const std::vector<Site>& sites() const { return sites_; }
  /// The hello of a browser, which the sites tell from a probe's.
  client::FirstFlight browser_flight(const std::string& host);
  double chance() { return std::uniform_real_distribution<>(0, 1)(random_); }
  double exponential(double mean) { return std::exponential_distribution<>(1 / mean)(random_); }

  Traffic traffic;
  Dials dials;

 private:
  friend class SimulatedStream;
  struct Names;
  struct Connector;
  struct Tunnel;
  struct Keys;
  const Site* at(const boost::asio::ip::address& address) const;
  const Site* called(const std::string& name) const;
  boost::asio::ip::address address_of(const Site& site) const;
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
  client::NetworkIdentity identity_{"simulated", true};
  std::map<std::string, client::FirstFlight> hellos_;
};

/// Whether `at` lies in one of them.
bool within(const std::vector<Span>& spans, Clock::duration at);

}  // namespace surang::judge
