// The Router's evasions: which apply to a connection, which of the ways that answered is remembered, and what
// is tried behind the browser's back once the tunnel has served it.
#include "client/detection/look.hpp"
#include "client/detection/probe_flight.hpp"
#include "client/routing/router_core.hpp"

namespace surang::client {
namespace {

// How long new connections lean on the way that has won while that is looked into.
constexpr std::chrono::seconds kLeanOnWinner{5};
// What a verdict said is good for its retest, too, which may outlast it.
constexpr UnixSeconds kAfterwards = 60;

}  // namespace

std::vector<Way> RouterCore::evasions(const Endpoint& to, const FirstFlight* flight) {
  EvasionFacts facts;
  if (flight)
    facts.hello = flight->kind == FirstFlight::Kind::tls && !flight->host.empty();
  else
    facts.hello = to.port() != 80 && to.port() != 8080;
  facts.name = !to.address();
  facts.cutting = options.evasion;
  facts.favourite = evasion_memory.favourite(learner.network());
  return evasions_for(facts);
}

KnownOfHost RouterCore::known_of(const std::string& host) {
  KnownOfHost known;
  const auto verdict = learner.of_host(host, kAfterwards);
  if (!verdict) return known;
  known.names_lie = is_dns(verdict->signal) || verdict->signal == Signal::tls_certificate;
  if (verdict->way == Way::direct_other_address)
    if (const auto address = address_literal(verdict->address)) known.failed.push_back(*address);
  return known;
}

AttemptTools RouterCore::tools_after(const Race& race) {
  auto t = tools();
  t.known = [this, met = race.met()](const std::string& host) {
    auto known = known_of(host);
    known.names_lie = known.names_lie || met.names_lie;
    known.failed.insert(known.failed.end(), met.failed.begin(), met.failed.end());
    return known;
  };
  return t;
}

void RouterCore::note_winner(const Race& race, const Attempt& winner, const std::string& host) {
  if (!race.by(Way::direct)) return;
  if (winner.view.way == Way::tunnel) {
    evasion_memory.failed(host);
    learner.lean(host, kLeanOnWinner);
  } else if (is_evasion(winner.view.way) && race.flight().replayable) {
    evasion_memory.worked(learner.network(), host, winner.view.way);
    learner.lean(host, kLeanOnWinner);
  }
}

asio::awaitable<std::shared_ptr<Attempt>> RouterCore::preferred(std::shared_ptr<Race> race,
                                                                std::shared_ptr<Attempt> winner,
                                                                std::shared_ptr<Attempt> failing) {
  if (winner->view.way != Way::tunnel) co_return winner;
  const auto attempts = race->attempts();
  for (const auto& a : attempts) {
    if (a == failing || !is_evasion(a->view.way)) continue;
    const bool failed = co_await race->wait_for_failure(a);
    if (!failed) co_return a;
  }
  co_return winner;
}

asio::awaitable<void> RouterCore::seek_evasion(std::shared_ptr<Race> race, std::shared_ptr<Attempt> failing,
                                               std::string host, Stay stay) {
  const auto self = shared_from_this();
  const auto& view = failing->view;
  const auto flight = std::make_shared<const FirstFlight>(
      race->flight().kind == FirstFlight::Kind::http ? http_probe_flight(host) : tls_probe_flight(host));
  const auto with = tools_after(*race);
  const auto within = limits();
  for (const auto way : evasions(race->to(), flight.get())) {
    if (race->by(way) || !may_help(way, view.signal, view.more_addresses)) continue;
    const auto look = co_await look_by(executor, with, within, way, race->to(), flight);
    learner.saw(host, *look.attempt);
    const auto verdict = learner.verdict(host);
    if (!verdict || !learner.still_on(stay)) co_return;
    if (!look.works) continue;
    learner.prefer(host, race->to().port(), *failing, *look.attempt);
    evasion_memory.worked(learner.network(), host, way);
    co_return;
  }
}

}  // namespace surang::client
