// The Router's inside, shared by its parts (opening, explaining) and by what still runs after a connection
// was handed over. Included by routing/*.cpp only.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <set>
#include <span>

#include "client/detection/bulk_proof.hpp"
#include "client/detection/captive_portal.hpp"
#include "client/detection/goodput_monitor.hpp"
#include "client/detection/learner.hpp"
#include "client/detection/prober.hpp"
#include "client/detection/race.hpp"
#include "client/detection/service_groups.hpp"
#include "client/detection/shared_pages.hpp"
#include "client/evasion/choice.hpp"
#include "client/routing/router.hpp"
#include "client/routing/rules.hpp"

namespace surang::client {

struct RouterCore : std::enable_shared_from_this<RouterCore> {
  RouterCore(asio::any_io_executor e, const config::ClientOptions& o, Dialer* t, VerdictStore& store,
             RouterParts p);

  /// The name that verdicts are kept under: the site's, even when the browser gave an address.
  static std::string host_of(const Endpoint& to, const FirstFlight& flight);
  /// Without what is known of dead addresses.
  AttemptTools tools();
  /// With it, for a connection of the browser by `plan`.
  AttemptTools tools_for(const std::vector<PlannedWay>& plan);
  RaceLimits limits();
  /// The person wants no flight of our own to ask for it.
  bool is_sensitive(std::string_view host) const { return sensitive.covers(host); }
  /// `flight` may be null: not known yet.
  LadderFacts facts(const Endpoint& to, const std::string& host, const FirstFlight* flight);
  /// The evasions that apply, the likeliest first.
  std::vector<Way> evasions(const Endpoint& to, const FirstFlight* flight);
  /// What a verdict says of a host's names and addresses.
  KnownOfHost known_of(const std::string& host);
  /// tools(), with what `race` has met.
  AttemptTools tools_after(const Race& race);
  /// New connections to `host` lean on the way that has just won against a direct one.
  void note_winner(const Race& race, const Attempt& winner, const std::string& host);
  /// Where this is another network than before, or the computer has slept: forgets what the last one gave,
  /// and asks whether this one wants people to sign in. Costs next to nothing where it is not.
  void follow_network();
  /// Follows it while nothing is opened, too.
  void start_following();

  std::shared_ptr<HeadStart> begin(const Endpoint& to);
  /// `afresh`: as if no verdict were known.
  asio::awaitable<Result<OpenedConnection>> open(Endpoint to, FirstFlight flight,
                                                 std::shared_ptr<HeadStart> begun, bool afresh = false);
  /// As Outbound has them (name_words.cpp).
  Outbound::Standing standing(const Endpoint& to, const std::string& site);
  asio::awaitable<Outbound::NameWord> look_up(std::string name);
  asio::awaitable<Result<std::vector<std::uint8_t>>> ask_encrypted(std::vector<std::uint8_t> query);
  /// Learns from a race whose winner (may be null) has been handed over, then ends it.
  asio::awaitable<void> aftermath(std::shared_ptr<Race> race, std::shared_ptr<Attempt> winner,
                                  std::string host, Stay stay);
  /// Retests in the background for as long as the Router lives.
  void start_probing();
  /// The system's roots and the person's own, read once.
  std::shared_ptr<SSL_CTX> tls_context();
  asio::awaitable<void> blame_names(Endpoint to, std::string host, std::vector<asio::ip::address> tried);
  /// Asks direct and the tunnel by a flight of our own, to learn what a flight that may not be repeated met.
  void contrast_later(Endpoint to, std::string host);
  asio::awaitable<void> contrast(Endpoint to, std::string host);
  /// What the bridge sees of a site, by its name where that is known; never asked about what is local.
  asio::awaitable<Result<tunnel::ReachAnswer>> ask_bridge(Endpoint to, std::string host);
  /// Whether the site answers the bridge no more than it does here: nothing to probe.
  asio::awaitable<bool> down_elsewhere(Endpoint to, std::string host);
  /// The same for a race that nobody won: its failure says nothing about the network.
  asio::awaitable<bool> failed_elsewhere(std::shared_ptr<Race> race, std::string host);
  /// Whether the certificate seen at `addresses` fails because the name server here leads elsewhere.
  asio::awaitable<bool> names_lie(Endpoint to, std::string host, std::vector<asio::ip::address> addresses);
  /// Follows an unjudged direct connection on which a flight of the kind `said` has left. It must not outlive
  /// `stream`.
  std::unique_ptr<ConnectionWatch> watch_unjudged(Endpoint to, std::string host, const Stream& stream,
                                                  FirstFlight::Kind said, Clock::duration rtt);

  /// Whether there is anything to gain by that: somewhere else to go, or something to hold the tunnel's
  /// connection against.
  bool follows_goodput(Way way, const std::string& host) const {
    return way == Way::tunnel ? goodput && goodput->wants(host) : tunnel || options.evasion;
  }
  /// Follows a judged direct connection beyond its first answer: the Stream that the session gets in its
  /// place.
  StreamPtr watch_goodput(StreamPtr stream, Way way, const Endpoint& to, const std::string& host,
                          const FirstFlight& flight, std::span<const std::uint8_t> first_answer,
                          Clock::duration rtt);
  /// Somebody was caught answering in a site's place on this network.
  void caught_impostor() { impostors_on = learner.network(); }
  /// Ends everything in the background.
  void stop();

  asio::any_io_executor executor;
  config::ClientOptions options;
  Dialer* tunnel;
  RouterParts parts;
  Rules rules;
  const PatternList sensitive;
  const std::shared_ptr<const ServiceGroups> services;
  const std::shared_ptr<const BlockPages> block_pages;
  SharedPages shared_pages;
  Learner learner;
  EvasionMemory evasion_memory;
  std::set<std::string> contrasting;                    // hosts with a probe under way
  std::map<std::string, Clock::time_point> contrasted;  // and when the last one began
  std::set<std::string> concluding;                     // hosts whose failure is being confirmed
  Clock::time_point last_dial_in_outage{}, outage_began{};
  std::set<std::string> tried_in_outage;  // registrable domains
  std::optional<Stay> followed;           ///< that names and connections are of; none before the first
  CaptivePortal portal;
  std::function<void()> network_changed;    ///< after a change and after a sleep; may be empty
  std::shared_ptr<GoodputMonitor> goodput;  ///< null until there is something to watch
  std::string impostors_on;                 ///< the network that it was on; empty: none
  TaskGroup background;

 private:
  struct Concluding;
  // A conviction that waits until the network is above suspicion.
  struct Suspected {
    Suspected(Endpoint endpoint, std::string name, Stay then)
        : to(std::move(endpoint)), host(std::move(name)), stay(then) {}
    Endpoint to;
    std::string host;
    Stay stay;
  };

  static asio::awaitable<void> probing(std::shared_ptr<RouterCore> self);
  static asio::awaitable<void> holding(std::shared_ptr<RouterCore> self, asio::awaitable<void> task);
  asio::awaitable<void> conclude(std::shared_ptr<Race> race, std::shared_ptr<Attempt> winner,
                                 std::string host, Stay stay);
  /// The way to remember: an evasion that answers as well, though the tunnel was sooner.
  asio::awaitable<std::shared_ptr<Attempt>> preferred(std::shared_ptr<Race> race,
                                                      std::shared_ptr<Attempt> winner,
                                                      std::shared_ptr<Attempt> failing);
  /// Tries the evasions that had no turn in `race`, and convicts by the first that works instead of by the
  /// tunnel.
  asio::awaitable<void> seek_evasion(std::shared_ptr<Race> race, std::shared_ptr<Attempt> failing,
                                     std::string host, Stay stay);
  /// One more attempt by the same way, beside the first one where that is still silent; true when both fail.
  asio::awaitable<bool> fails_again(std::shared_ptr<Race> race, std::shared_ptr<Attempt> failing,
                                    std::string host);
  /// Whether the way that won answers now as well, when a silence has run its time.
  asio::awaitable<bool> still_works(std::shared_ptr<Race> race, Way way, std::string host);
  asio::awaitable<Ruling> look_again(std::shared_ptr<Race> race, std::shared_ptr<Attempt> failing,
                                     Way other_way, Clock::duration pause, std::string host, Stay stay);
  /// False when too many wait already.
  bool learn_later(Endpoint to, std::string host, Stay stay);
  asio::awaitable<void> retry_suspected();
  asio::awaitable<void> dismiss_working();
  asio::awaitable<void> dismiss_if_working(Endpoint to, std::string host);
  asio::awaitable<void> heard_in_time(std::shared_ptr<const Stream*> stream, Endpoint to, std::string host,
                                      Clock::duration wait);
  bool may_dial_extra();
  /// In an outage, waits until it is over or this connection's turn has come to try; false: not within the
  /// budget.
  asio::awaitable<bool> through_outage(std::string domain);
  void arrive(bool slept);
  void settle_portal(bool was_captive);
  void site_reached(const std::string& host);
  void site_answered();
  asio::awaitable<void> following(std::shared_ptr<RouterCore> self);
  asio::awaitable<void> watch_portal(std::shared_ptr<RouterCore> self, config::CaptiveProbe probe);
  asio::awaitable<void> ask_portal(std::shared_ptr<RouterCore> self, config::CaptiveProbe probe,
                                   unsigned number);

  unsigned sleeps = 0;  // that have been followed
  Wakeup network_news, portal_news;
  void look_into(const Suspicion& suspicion);
  asio::awaitable<void> look_into_freeze(Suspicion suspicion);
  /// One that may be the site's own pause: a proof first, and nothing before it.
  asio::awaitable<void> look_into_pause(Suspicion suspicion);
  /// Where there is no tunnel: an evasion that carries more, or nothing.
  asio::awaitable<void> go_round_freeze(Suspicion suspicion, Stay stay);
  asio::awaitable<bool> prove_freeze(Suspicion suspicion, Stay stay);
  /// Convicts a host that no proof could show to be frozen, once enough was seen of it.
  asio::awaitable<void> believe_frozen(std::string host);
  asio::awaitable<void> look_into_pace(Suspicion suspicion);
  asio::awaitable<void> look_into_certificate(Suspicion suspicion);
  asio::awaitable<bool> answers_otherwise(Way way, Endpoint to, std::string host);
  asio::awaitable<BulkResult> prove(Way way, Endpoint to, std::string host, std::uint64_t enough = kCredit);
  bool tunnelled(const std::string& host);
  bool may_prove(const std::string& host);
  bool convict_proved(const Suspicion& suspicion, std::string direct, std::string other, Stay stay,
                      Way other_way = Way::tunnel);

  std::deque<Suspected> suspected;
  bool retrying = false;
  struct Proving;
  std::set<std::string> proving;                    // hosts that are
  std::map<std::string, Clock::time_point> proved;  // and when the last proof began
  std::set<std::string> looked_into;                // hosts with a connection that may be frozen
  std::map<std::string, Suspicion> unproved;        // the last one of hosts that were, and no proof showed it
  std::shared_ptr<SSL_CTX> tls_context_;
};

/// Ends a race in the background whatever way its owner ends.
struct RaceEnd {
  std::shared_ptr<RouterCore> core;
  std::shared_ptr<Race> race;
  ~RaceEnd() { core->background.spawn(core->aftermath(race, nullptr, {}, {})); }
};

}  // namespace surang::client
