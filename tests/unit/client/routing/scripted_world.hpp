// A world for the router in one process: sites behave as scripted, seen directly and through a tunnel, over
// memory streams. Round trips are timers, so that a test is over in the time that its silences take.
#pragma once

#include <map>
#include <set>
#include <string>

#include "client/detection/probe_flight.hpp"
#include "client/routing/router.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "transports/core/task_group.hpp"

namespace surang::client::test {

using namespace std::chrono_literals;

/// What one way shows of a site.
enum class Shows {
  site,         ///< answers
  nothing,      ///< answers a GET with 204
  slow,         ///< answers after World::slow_by
  busy,         ///< answers a GET after World::slow_by and a HEAD at once
  syn_silence,  ///< never connects
  refused,      ///< RST to the SYN
  icmp,
  reset,   ///< RST after the flight
  fin,     ///< FIN after the flight
  silent,  ///< nothing after the flight
  alert,
  rubbish,
  block_page,  ///< a redirect to a place that is the censor's
  elsewhere,   ///< a redirect to another site, as the site itself wants it
  same_page,   ///< a short page that is the same for every host
  open_page,   ///< the very page, with nothing but the connection's end to tell its own
  own_page,    ///< a short page of the host's own, which differs in a byte each time
  impostor,    ///< TLS with a certificate that nobody should trust
  deaf,        ///< connects and takes nothing
  by_record,   ///< RST unless the hello is cut over TLS records
  by_segment,  ///< RST unless the hello comes in several pieces with its record whole
  down,        ///< through a tunnel: Errc::destination_refused
  dead,        ///< through a tunnel: the tunnel itself fails
};

class World {
 public:
  explicit World(asio::any_io_executor executor) : executor_(executor), tasks_(executor) {}

  std::map<std::string, Shows> direct, tunnel;  // by host; missing: site
  std::map<std::string, NameAnswer> names;      // the system's answers; missing: 93.184.1.x
  std::map<std::string, Result<std::vector<asio::ip::address>>> encrypted;  // missing: unreachable
  std::map<std::string, Shows> at_address;  // overrides `direct` for an address
  std::string network = "home";
  unsigned sleeps = 0;
  std::function<void()> network_news;  // to be called after a change, as the system would
  bool link = true;
  bool with_encrypted = false;
  std::chrono::milliseconds round_trip{2}, slow_by{120};
  std::set<std::string> pinned;  // names in the hosts file
  bool away = false;             // nothing comes through, by any way; a tunnel waits, direct packets are lost
  bool heard = true;             // what is said of unjudged streams
  std::map<std::string, int> lost_connects;  // so many first SYNs to a host are lost
  int lost_sessions = 0;  // so many tunnel dials lead into a session that is dead without knowing
  /// What the bridge says of a host; missing: it does not know the question, as bridges of old.
  std::map<std::string, Result<tunnel::ReachAnswer>> control;

  // What happened.
  std::map<std::string, int> direct_dials, tunnel_dials, questions;
  std::map<std::string, int> posts;  // flights that arrived at the site, by first word and host
  std::set<std::string> trusted, names_forgotten;
  int forgotten = 0;  // times that all names were forgotten
  std::set<std::string> encrypted_asked;
  std::map<std::string, int> cut_hellos, split_hellos;
  std::map<std::string, int> connected;  // connections that a site has now, by any way

  RouterParts parts();
  Dialer& tunnel_dialer() { return tunnel_; }
  asio::awaitable<void> close();
  asio::any_io_executor executor() const { return executor_; }

 private:
  NetworkIdentity identity_;
  struct ScriptedNames;
  struct ScriptedConnector;
  class ScriptedTunnel : public Dialer {
   public:
    explicit ScriptedTunnel(World& w) : world_(w) {}
    asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override;
    StreamPtr dial_at_once(const Endpoint& to) override;

   private:
    StreamPtr dialled(const std::string& host);
    World& world_;
  };
  friend class ScriptedTunnel;
  class ScriptedControl : public tunnel::Control {
   public:
    explicit ScriptedControl(World& w) : world_(w) {}
    asio::awaitable<Result<tunnel::ReachAnswer>> reach(Endpoint to) override;

   private:
    World& world_;
  };

  asio::awaitable<void> impostor(StreamPtr site, std::string host);
  asio::awaitable<void> play(std::shared_ptr<Stream> site, Shows shows, std::string host);
  asio::awaitable<void> pause(std::chrono::milliseconds time);
  StreamPtr open(Shows shows, const std::string& host);
  asio::ip::address address_of(const std::string& host);

  asio::any_io_executor executor_;
  TaskGroup tasks_;
  ScriptedTunnel tunnel_{*this};
  ScriptedControl control_{*this};
  std::map<std::string, asio::ip::address> addresses_;
  int pages_ = 0;
};

/// A bridge's answer about a site at `address`: it is there with a certificate that verifies, or refuses.
tunnel::ReachAnswer reached_at(const std::string& address);
tunnel::ReachAnswer refused_at(const std::string& address);
/// A GET or POST of a browser.
FirstFlight http_flight(const std::string& method, const std::string& host);
/// No evasions (evasion_test has those). Short times, so that tests are quick: hedge 60 ms, silence 150 ms
/// (and 600 ms where no RTT is known, as in this world).
config::ClientOptions quick_options();

/// What came of one connection.
struct Visit {
  error_code error;
  std::string way;
  std::chrono::milliseconds took{};
  StreamPtr stream;
  std::unique_ptr<ConnectionWatch> watch;
};
asio::awaitable<Visit> visit(Router& router, std::string host, FirstFlight flight, std::uint16_t port = 443,
                             std::shared_ptr<HeadStart> begun = nullptr);
asio::awaitable<Visit> visit(Router& router, std::string host);

asio::awaitable<void> rest(std::chrono::milliseconds time);
/// Waits until `condition` holds, for long enough that only a bug takes longer; what it said last.
asio::awaitable<bool> until(std::function<bool()> condition, std::chrono::seconds limit = 20s);

/// Runs `scenario` with a world and a router over a store in memory.
void with_router(std::function<asio::awaitable<void>(World&, Router&)> scenario,
                 config::ClientOptions options = quick_options(), bool tunnel = true, bool encrypted = false);

inline std::string way_of(Router& router, const std::string& host) {
  return std::string(router.why(host).at("way").as_string());
}

}  // namespace surang::client::test
