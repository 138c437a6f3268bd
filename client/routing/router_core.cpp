#include "client/routing/router_core.hpp"

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/head_start.hpp"
#include "client/detection/site_scope.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr Clock::duration kHedgeSuspicious = 100ms;
constexpr std::size_t kMostTriedInOutage = 64;
constexpr Clock::duration kDialApart = 2500ms, kMostDialApart = 6s, kOutageLook = 300ms;

}  // namespace

RouterCore::RouterCore(asio::any_io_executor e, const config::ClientOptions& o, Dialer* t,
                       VerdictStore& store, RouterParts p)
    : executor(e),
      options(o),
      tunnel(t),
      parts(std::move(p)),
      rules(o.rules),
      sensitive(o.sensitive),
      services(std::make_shared<const ServiceGroups>(o.services)),
      block_pages(std::make_shared<const BlockPages>(o.block_pages)),
      learner(store, o.first_expiry, parts.network, services),
      portal(o.captive_probe.has_value()),
      background(e) {}

std::string RouterCore::host_of(const Endpoint& to, const FirstFlight& flight) {
  if (to.address() && !flight.host.empty())
    if (const auto named = Endpoint::make(flight.host, to.port()); named && !named->address())
      return named->host();
  return to.host();
}

AttemptTools RouterCore::tools() {
  AttemptTools t;
  t.names = parts.names.get();
  t.connector = parts.connector.get();
  t.tunnel = tunnel;
  t.control = tunnel ? parts.control : nullptr;
  t.proven = [this](const std::string& host, const asio::ip::address& address) {
    return learner.proven(host, address) || is_sensitive(host);
  };
  t.prove = [this](const std::string& host, const asio::ip::address& address) {
    learner.prove(host, address);
    site_reached(host);
  };
  t.tls_context = [this] { return tls_context(); };
  t.block_pages = block_pages;
  t.services = services;
  t.shown_page = [this](const std::string& host, const std::string& mark) {
    return shared_pages.shown(learner.network(), host, mark, Clock::now());
  };
  t.harmless_page = [this](const std::string& mark) { shared_pages.harmless(mark, Clock::now()); };
  t.impostors = impostors_on == learner.network();
  t.known = [this](const std::string& host) { return known_of(host); };
  t.cut_hellos = options.evasion;
  t.of_this_machine = parts.of_this_machine;
  return t;
}

AttemptTools RouterCore::tools_for(const std::vector<PlannedWay>& plan) {
  auto t = tools();
  // What is known of an address saves a wait where there is another way.
  if (std::any_of(plan.begin(), plan.end(), [](const auto& p) { return p.way == Way::tunnel; }))
    t.dead_address = [this](const asio::ip::address& address) { return learner.dead_address(address); };
  return t;
}

RaceLimits RouterCore::limits() {
  RaceLimits l;
  l.hedge.hedge_delay = options.hedge_delay;
  l.hedge.silence = options.handshake_silence;
  l.hedge.least_rtt = learner.least_rtt();
  l.budget = options.total_budget;
  l.may_start_extra = [this] { return may_dial_extra(); };
  return l;
}

// In an outage every connection would fail, and over to every other way: keep that to less than one dial a
// second in all, and fewer the longer it lasts.
bool RouterCore::may_dial_extra() {
  const auto now = Clock::now();
  if (!learner.health().outage(now)) return true;
  const auto apart =
      std::min<Clock::duration>(kDialApart + learner.health().outage_for(now) / 30, kMostDialApart);
  if (now - last_dial_in_outage < apart) return false;
  last_dial_in_outage = now;
  return true;
}

asio::awaitable<bool> RouterCore::through_outage(std::string domain) {
  const auto self = shared_from_this();
  const auto until = Clock::now() + options.total_budget;
  // Some dead sites look like an outage: one of another owner than those tried tells.
  const auto now = Clock::now();
  const auto began = now - learner.health().outage_for(now);
  if (began - outage_began > 1s) tried_in_outage.clear();
  outage_began = began;
  if (tried_in_outage.size() < kMostTriedInOutage && tried_in_outage.insert(std::move(domain)).second)
    co_return true;
  asio::steady_timer timer(executor);
  while (!may_dial_extra()) {
    if (Clock::now() >= until) co_return false;
    timer.expires_after(kOutageLook);
    co_await timer.async_wait(asio::use_awaitable);
    (void)learner.network();  // its link may be back
  }
  co_return true;
}

LadderFacts RouterCore::facts(const Endpoint& to, const std::string& host, const FirstFlight* flight) {
  LadderFacts f;
  f.name = !to.address();
  f.local = parts.is_local(to) || (f.name && parts.names->pinned(to.host()));
  f.has_tunnel = tunnel != nullptr;
  f.has_encrypted_dns = parts.names->has_encrypted();
  const auto* rule = rules.match(to);
  if (!rule && host != to.host()) rule = rules.match(host);
  if (rule) f.rule = rule->action;
  if (!f.local && !f.rule) {
    if (const auto verdict = learner.verdict(host)) f.verdict = verdict->way;
    f.leaning = learner.leaning(host) || concluding.contains(host);
    // Which address another one was for stands in a verdict only.
    if (const auto way = evasion_memory.of(host); f.leaning && !f.verdict && way && cuts_hello(*way))
      f.verdict = way;
    if (f.has_tunnel && learner.way_in_doubt(host)) {
      f.leaning = true;
      f.verdict.reset();
    }
    f.evasions = evasions(to, flight);
  }
  f.captive = portal.captive();
  f.on_tunnel_down = options.on_tunnel_down;
  return f;
}

namespace {

// Hands the race to the background whatever way open() ends: the browser may leave in the middle.
struct Handover {
  std::shared_ptr<RouterCore> core;
  std::shared_ptr<Race> race;
  std::shared_ptr<Attempt> winner;
  std::string host;
  Stay stay;
  bool learn = false;
  ~Handover() {
    if (race->ended_with(winner.get())) {  // mostly: the first way worked, and nothing else was begun
      if (learn) core->learner.saw(host, *winner);
      return;
    }
    if (!learn) winner.reset();
    core->background.spawn(
        core->aftermath(std::move(race), std::move(winner), learn ? std::move(host) : std::string(), stay));
  }
};

}  // namespace

std::shared_ptr<HeadStart> RouterCore::begin(const Endpoint& to) {
  // The name of the site behind a bare address stands in the flight only, and with it what is known of the
  // site.
  if (to.address()) return nullptr;
  follow_network();
  if (!portal.captive() && learner.health().outage(Clock::now()))
    return nullptr;  // open() waits for its turn
  const auto plan = plan_ways(facts(to, to.host(), nullptr));
  if (plan.empty()) return nullptr;
  // The flight may be cut, but leaves from the same connection; not where a name server lies.
  const auto first = plan.front().way;
  const bool same = first == Way::direct || (cuts_hello(first) && !known_of(to.host()).names_lie);
  if (!same) return nullptr;
  return std::make_shared<HeadStart>(background, shared_from_this(), tools_for(plan), to, learner.stay());
}

asio::awaitable<Result<OpenedConnection>> RouterCore::open(Endpoint to, FirstFlight first,
                                                           std::shared_ptr<HeadStart> begun, bool afresh) {
  const auto self = shared_from_this();
  const auto host = host_of(to, first);
  follow_network();
  auto f = facts(to, host, &first);
  if (afresh) {
    f.verdict.reset();
    f.leaning = false;
  }
  auto plan = plan_ways(f);
  if (plan.empty()) co_return make_error_code(Errc::destination_denied);
  if (!f.local && !f.captive && !begun && learner.health().outage(Clock::now())) {
    const auto before = followed;
    const bool turn = co_await through_outage(registrable_domain(host));
    if (!turn) co_return make_error_code(Errc::timed_out);
    follow_network();
    if (followed != before) {  // another plan may hold there
      auto again = open(std::move(to), std::move(first), std::move(begun), afresh);
      co_return co_await std::move(again);
    }
    // One that asks whether anything works does not ask everybody: its likeliest way, and the tunnel.
    std::erase_if(plan, [likeliest = plan.front().way](const auto& p) {
      return p.way != likeliest && p.way != Way::tunnel;
    });
  }
  const bool learns = !f.local && !f.rule;
  auto with = afresh ? tools() : tools_for(plan);  // a probe of our own tests what is known of an address
  // What befell a connection of another network would be learnt of this one.
  if (begun && !learner.still_on(begun->stay())) begun.reset();
  with.head_start = std::move(begun);
  auto flight = std::make_shared<const FirstFlight>(std::move(first));
  auto within = limits();
  if (plan.front().way == Way::direct && learner.suspicious(host))
    within.hedge.hedge_delay = std::min(within.hedge.hedge_delay, kHedgeSuspicious);
  Handover handover{
      self,
      std::make_shared<Race>(executor, std::move(with), std::move(within), std::move(plan), to, flight),
      nullptr,
      host,
      learner.stay(),
      false};
  auto race = handover.race;
  const bool contrasts = learns && !flight->replayable && !flight->public_only;
  const auto winner = co_await race->run();
  handover.learn = learns;
  handover.winner = winner;
  if (winner && f.captive && flight->kind == FirstFlight::Kind::tls) site_answered();
  if (!winner) {
    if (contrasts && race->by(Way::direct) && !race->by(Way::tunnel)) contrast_later(to, host);
    co_return race->error();
  }
  if (learns) note_winner(*race, *winner, host);
  // What the tunnel carried unjudged contrasts with nothing.
  if (contrasts && winner->view.way == Way::tunnel && race->by(Way::direct)) contrast_later(to, host);
  OpenedConnection opened;
  opened.stream = std::move(winner->stream);
  opened.first_answer = std::move(winner->answer);
  opened.way = to_string(winner->view.way);
  if (learns && winner->view.way != Way::tunnel && !flight->replayable)
    opened.watch = watch_unjudged(to, host, *opened.stream, flight->kind, winner->view.rtt);
  else if (learns && follows_goodput(winner->view.way, host))
    opened.stream = watch_goodput(std::move(opened.stream), winner->view.way, to, host, *flight,
                                  opened.first_answer, winner->view.rtt);
  co_return std::move(opened);
}

std::shared_ptr<SSL_CTX> RouterCore::tls_context() {
  if (!tls_context_) tls_context_ = tls::make_client_context(options.extra_ca_file);
  return tls_context_;
}

void RouterCore::start_probing() {
  (void)tls_context();  // reading the roots takes a while: not while a browser waits
  if (options.background_probes) background.spawn(probing(shared_from_this()));
}

asio::awaitable<void> RouterCore::holding([[maybe_unused]] std::shared_ptr<RouterCore> self,
                                          asio::awaitable<void> task) {
  co_await std::move(task);
}

asio::awaitable<void> RouterCore::probing(std::shared_ptr<RouterCore> self) {
  ProberOptions prober;
  prober.tick = std::clamp<Clock::duration>(self->options.first_expiry / 20, 200ms, 2s);
  prober.spared = [core = self.get()](const std::string& host) { return core->is_sensitive(host); };
  prober.tls_context = [core = self.get()] { return core->tls_context(); };
  prober.froze_at = [core = self.get()](const std::string& host) -> std::uint64_t {
    return core->goodput ? core->goodput->freezes().point(host).value_or(0) : 0;
  };
  // A retest may outlast the prober by a moment; it holds what it uses.
  prober.spawn = [core = self.get()](asio::awaitable<void> task) {
    core->background.spawn(holding(core->shared_from_this(), std::move(task)));
  };
  const auto with = self->tools();
  const auto within = self->limits();
  co_await run_prober(self->executor, with, within, self->learner, prober);
}

}  // namespace surang::client
