// What the connections of this process teach: the network's health, evidence, and verdicts with their scope.
// Gives the judge its facts and writes down what it rules.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "client/detection/attempt.hpp"
#include "client/detection/belief.hpp"
#include "client/detection/judge.hpp"
#include "client/detection/network_id.hpp"
#include "client/detection/service_groups.hpp"
#include "client/detection/timed_set.hpp"
#include "client/detection/verdict_store.hpp"

namespace surang::client {

UnixSeconds unix_now();

class Learner {
 public:
  /// `store` must outlive it.
  /// `services` may be null.
  Learner(VerdictStore& store, std::chrono::seconds first_expiry,
          std::function<const NetworkIdentity*()> network, std::shared_ptr<const ServiceGroups> services);

  /// The network now; forgets its health when it changed.
  const std::string& network();
  /// Which stay on a network this is: another one after each move, to one known before, too.
  Stay stay();
  /// Whether there was no move since.
  bool still_on(Stay then) { return stay() == then; }
  NetworkHealth& health() { return health_; }
  /// The least round trip of a direct connection on this network; zero while there was none.
  Clock::duration least_rtt() const { return least_rtt_; }

  /// The verdict that holds for `host` now: its service's, its own, or its domain's.
  std::optional<Verdict> known(const std::string& host);
  /// Its own or its domain's, up to so many seconds after its end.
  std::optional<Verdict> of_host(const std::string& host, UnixSeconds afterwards = 0);
  /// The same, and marks it used.
  std::optional<Verdict> verdict(const std::string& host);
  bool dead_address(const asio::ip::address& address);

  /// While a verdict is being confirmed, new connections lean on the tunnel.
  void lean(const std::string& host, Clock::duration how_long);
  void stop_leaning(const std::string& host);
  bool leaning(const std::string& host) const;
  /// A connection by the way in use stands still or crawls: until that is proved or not, new ones go by the
  /// tunnel, whatever way a verdict names.
  void doubt_way(const std::string& host, Clock::duration how_long);
  void trust_way(const std::string& host);
  bool way_in_doubt(const std::string& host) const;

  /// The site behind a name has shown its certificate on this network, or shows one like that everywhere.
  /// With an address: there. Without: wherever its name leads.
  bool proven(const std::string& host, const asio::ip::address& address) const;
  void prove(const std::string& host, std::optional<asio::ip::address> address = {});

  /// What one attempt says of the network; one that is pending when its silence has been ruled on.
  void saw(const std::string& host, const Attempt& attempt);
  /// Weighs `direct` (failed, doubtful or silent, `times` in a row) against `other` (null: nothing worked)
  /// and convicts if it may and chance is out of the question, or `last` says that there will be no other
  /// look.
  Ruling conclude(const std::string& host, std::uint16_t port, const Attempt& direct, const Attempt* other,
                  Stay then, int times = 1, bool last = false);
  /// It failed so and worked right afterwards.
  void failed_by_chance(const std::string& host, Signal signal);
  /// One such contrast more convicts.
  bool nearly_sure(const std::string& host, Signal signal) const;
  /// It was blocked a while ago.
  bool suspicious(const std::string& host) const;
  /// Something that a person should read of, and that nothing is made of.
  void remark(const std::string& host, Way way, Signal signal, std::string detail) {
    note(host, way, signal, std::move(detail));
  }
  void convict_host(const std::string& host, std::uint16_t port, Way way, Signal signal,
                    const std::string& address);
  /// Convicted through the tunnel just now; `other` serves as well, and takes its place.
  void prefer(const std::string& host, std::uint16_t port, const Attempt& direct, const Attempt& other);
  /// A retest failed as before while the other way worked: the next step of the ladder of expiries.
  void renew(const Verdict& verdict, Signal signal);
  /// A retest begins: the next one is a while away, whatever comes of it.
  Verdict begin_retest(Verdict verdict);
  /// A retest learnt nothing new, since the other way was down: the verdict holds for as long as it did.
  void hold(const Verdict& verdict);
  /// Direct works again: forgets the verdicts that kept the host from it.
  void acquit(const std::string& host);

  VerdictStore& store() { return store_; }
  std::chrono::seconds first_expiry() const { return first_expiry_; }

 private:
  void change_beliefs(const std::string& id);
  void note(const std::string& host, Way way, Signal signal, std::string detail);
  void widen(const Verdict& verdict);
  /// Hosts of a service that hold verdicts by the tunnel.
  std::vector<Verdict> members(const std::string& service);
  /// The verdict of the service that `host` belongs to follows those of its hosts.
  void regroup(const std::string& host);

  VerdictStore& store_;
  std::chrono::seconds first_expiry_;
  std::function<const NetworkIdentity*()> read_network_;
  std::shared_ptr<const ServiceGroups> services_;
  std::string network_;
  Stay stay_ = 0;
  NetworkHealth health_;
  BeliefBook beliefs_;
  std::deque<std::pair<std::string, BeliefBook>> elsewhere_;  // of other networks, the latest left last
  Clock::duration least_rtt_{};
  TimedSet leaning_, doubted_;
  std::set<std::pair<std::string, std::optional<asio::ip::address>>> proven_;
};

}  // namespace surang::client
