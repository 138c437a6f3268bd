#include "client/routing/router_core.hpp"

#include <algorithm>

#include "client/detection/probe_flight.hpp"
#include "client/detection/site_scope.hpp"
#include "client/dns/answer_check.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kLeanFor = 5s;
constexpr auto kContrastPause = 30s;
constexpr std::size_t kMostContrasts = 4;

// Quick failures that a site may also cause by chance: worth a second look, which costs nobody any time.
bool wants_second_look(Signal signal) {
  switch (signal) {
    case Signal::tcp_rst:
    case Signal::tcp_icmp:
    case Signal::tls_rst:
    case Signal::tls_fin:
    case Signal::tls_alert:
    case Signal::tls_not_tls:
    case Signal::http_rst:
    case Signal::http_fin:
    case Signal::http_not_http:
      return true;
    default:
      return false;
  }
}

}  // namespace

RouterCore::RouterCore(asio::any_io_executor e, const config::ClientOptions& o, Dialer* t,
                       VerdictStore& store, RouterParts p)
    : executor(e),
      options(o),
      tunnel(t),
      parts(std::move(p)),
      rules(o.rules),
      learner(store, o.first_expiry, parts.network),
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
  t.dead_address = [this](const asio::ip::address& a) { return learner.dead_address(a); };
  t.proven = [this](const std::string& host) { return learner.proven(host); };
  t.prove = [this](const std::string& host) { learner.prove(host); };
  t.tls_context = [this] { return tls_context(); };
  return t;
}

RaceLimits RouterCore::limits() {
  RaceLimits l;
  l.hedge.hedge_delay = options.hedge_delay;
  l.hedge.silence = options.handshake_silence;
  l.budget = options.total_budget;
  l.may_start_extra = [this] { return may_dial_extra(); };
  return l;
}

// In an outage every connection would fail over: keep that to one dial a second in all.
bool RouterCore::may_dial_extra() {
  const auto now = Clock::now();
  if (learner.health().outage(now) && now - last_extra_dial < 1s) return false;
  last_extra_dial = now;
  return true;
}

LadderFacts RouterCore::facts(const Endpoint& to, const std::string& host) {
  LadderFacts f;
  f.local = parts.is_local(to);
  f.name = !to.address();
  f.has_tunnel = tunnel != nullptr;
  f.has_encrypted_dns = parts.names->has_encrypted();
  const auto* rule = rules.match(to.host());
  if (!rule && host != to.host()) rule = rules.match(host);
  if (rule) f.rule = rule->action;
  if (!f.local && !f.rule) {
    if (const auto verdict = learner.verdict(host)) f.verdict = verdict->way;
    f.leaning = learner.leaning(host);
  }
  f.on_tunnel_down = options.on_tunnel_down;
  return f;
}

namespace {

// Hands the race to the background whatever way open() ends: the browser may leave in the middle.
struct Handover {
  std::shared_ptr<RouterCore> core;
  std::shared_ptr<Race> race;
  std::shared_ptr<Attempt> winner;
  std::string host, network;
  bool learn = false;
  ~Handover() {
    if (!learn) winner.reset();
    core->background.spawn(core->aftermath(std::move(race), std::move(winner),
                                           learn ? std::move(host) : std::string(), std::move(network)));
  }
};

class Watch final : public ConnectionWatch {
 public:
  Watch(std::weak_ptr<RouterCore> core, Endpoint to, std::string host, Way way, bool judged)
      : core_(std::move(core)), to_(std::move(to)), host_(std::move(host)), way_(way), judged_(judged) {}

  void ended(std::uint64_t bytes_from_site, bool browser_closed, error_code why) override {
    const auto core = core_.lock();
    if (!core || way_ == Way::tunnel || judged_) return;
    // A flight that may not be repeated: its failure is looked into apart, so that the browser's retry goes
    // right.
    if (bytes_from_site > 0)
      core->learner.health().direct_worked(Clock::now());
    else if (!browser_closed && why)
      core->contrast_later(to_, host_);
  }

 private:
  std::weak_ptr<RouterCore> core_;
  Endpoint to_;
  std::string host_;
  Way way_;
  bool judged_;
};

}  // namespace

asio::awaitable<Result<OpenedConnection>> RouterCore::open(Endpoint to, FirstFlight first, bool afresh) {
  const auto self = shared_from_this();
  const auto host = host_of(to, first);
  if (learner.network() != names_network) {
    if (!learner.still_on(names_network)) parts.names->forget();
    names_network = learner.network();
  }
  auto f = facts(to, host);
  if (afresh) {
    f.verdict.reset();
    f.leaning = false;
  }
  auto plan = plan_ways(f);
  if (plan.empty()) co_return make_error_code(Errc::destination_denied);
  const bool learns = !f.local && !f.rule;
  auto flight = std::make_shared<const FirstFlight>(std::move(first));
  Handover handover{self,
                    std::make_shared<Race>(executor, tools(), limits(), std::move(plan), to, flight),
                    nullptr,
                    host,
                    learner.network(),
                    false};
  auto race = handover.race;
  const auto winner = co_await race->run();
  handover.learn = learns;
  handover.winner = winner;
  if (!winner) {
    if (learns && !flight->replayable && race->by(Way::direct) && !race->by(Way::tunnel))
      contrast_later(to, host);
    co_return race->error();
  }
  if (learns && winner->view.way == Way::tunnel && race->by(Way::direct)) {
    learner.lean(host, kLeanFor);
    // What the tunnel carried unjudged contrasts with nothing.
    if (!flight->replayable) contrast_later(to, host);
  }
  OpenedConnection opened;
  opened.stream = std::move(winner->stream);
  opened.first_answer = std::move(winner->answer);
  opened.way = to_string(winner->view.way);
  if (learns) opened.watch = std::make_unique<Watch>(self, to, host, winner->view.way, flight->replayable);
  co_return std::move(opened);
}

asio::awaitable<void> RouterCore::aftermath(std::shared_ptr<Race> race, std::shared_ptr<Attempt> winner,
                                            std::string host, std::string network) {
  const auto self = shared_from_this();
  if (!host.empty()) {
    try {
      co_await conclude(race, winner, host, network);
    } catch (const boost::system::system_error& e) {
      if (e.code() != asio::error::operation_aborted) throw;
    }
  }
  // From here on it must run to its end: the race's attempts unwind before the race does.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await race->close();
}

asio::awaitable<void> RouterCore::conclude(std::shared_ptr<Race> race, std::shared_ptr<Attempt> winner,
                                           std::string host, std::string network) {
  const auto direct = race->by(Way::direct);
  for (const auto& a : race->attempts()) learner.saw(host, *a);
  if (!race->flight().replayable) co_return;  // nothing was judged
  if (!direct || winner == direct) co_return;
  if (!winner) {
    learner.conclude(host, race->to().port(), *direct, nullptr, network);
    co_return;
  }
  const bool was_pending = direct->view.outcome == Outcome::pending;
  const bool failed = co_await race->wait_for_failure(direct);
  if (was_pending) learner.saw(host, *direct);
  if (!failed) {
    learner.stop_leaning(host);
    co_return;
  }
  if (wants_second_look(direct->view.signal)) {
    if (!co_await fails_again(race->to(), host)) {
      learner.stop_leaning(host);
      co_return;
    }
  }
  if (direct->view.signal == Signal::tls_certificate) {
    // A site with a bad certificate of its own shows it everywhere.
    const auto with = tools();
    const auto within = limits();
    const auto proof =
        co_await verified(executor, with, within, winner->view.way, race->to(), host, tls_context());
    if (!proof) co_return learner.stop_leaning(host);
  }
  const auto ruling = learner.conclude(host, race->to().port(), *direct, winner.get(), network);
  learner.stop_leaning(host);
  if (ruling == Ruling::convict && winner->view.way == Way::tunnel && is_connect(direct->view.signal))
    co_await blame_names(race->to(), host, direct->addresses);
}

asio::awaitable<bool> RouterCore::fails_again(Endpoint to, std::string host) {
  const auto self = shared_from_this();
  auto flight = std::make_shared<const FirstFlight>(probe_flight_for(host, to.port()));
  std::vector<PlannedWay> plan{{Way::direct, StartWhen::at_once}};
  const auto race = std::make_shared<Race>(executor, tools(), limits(), std::move(plan), to, flight);
  const RaceEnd end{self, race};
  const auto winner = co_await race->run();
  co_return !winner || winner->view.outcome != Outcome::validated;
}

std::shared_ptr<SSL_CTX> RouterCore::tls_context() {
  if (!tls_context_) tls_context_ = tls::make_client_context(options.extra_ca_file);
  return tls_context_;
}

void RouterCore::start_probing() {
  (void)tls_context();  // reading the roots takes a while: not while a browser waits
  if (options.background_probes && tunnel) background.spawn(probing(shared_from_this()));
}

asio::awaitable<void> RouterCore::probing(std::shared_ptr<RouterCore> self) {
  ProberOptions prober;
  prober.tick = std::clamp<Clock::duration>(self->options.first_expiry / 20, 200ms, 2s);
  prober.tls_context = [core = self.get()] { return core->tls_context(); };
  const auto with = self->tools();
  const auto within = self->limits();
  co_await run_prober(self->executor, with, within, self->learner, prober);
}

// A dead address may be a name server's lie. Proof is a certificate shown at the address that encrypted DNS
// gives: then the tunnel is not needed.
asio::awaitable<void> RouterCore::blame_names(Endpoint to, std::string host,
                                              std::vector<asio::ip::address> tried) {
  const auto self = shared_from_this();
  if (to.address() || to.port() == 80 || !parts.names->has_encrypted()) co_return;
  const auto network = learner.network();
  const auto truth = co_await parts.names->encrypted(host);
  if (!truth || !contradicts(tried, *truth)) co_return;
  const auto with = tools();
  const auto within = limits();
  const auto proof =
      co_await verified(executor, with, within, Way::direct_encrypted_dns, to, host, tls_context());
  if (!proof || !learner.still_on(network)) co_return;
  learner.convict_host(host, to.port(), Way::direct_encrypted_dns, Signal::dns_differs, {});
}

void RouterCore::contrast_later(Endpoint to, std::string host) {
  if (!tunnel || contrasting.size() >= kMostContrasts || contrasting.contains(host)) return;
  const auto now = Clock::now();
  std::erase_if(contrasted, [&](const auto& entry) { return now - entry.second > kContrastPause; });
  if (contrasted.contains(host)) return;
  contrasting.insert(host);
  contrasted[host] = now;
  background.spawn(contrast(std::move(to), std::move(host)));
}

asio::awaitable<void> RouterCore::contrast(Endpoint to, std::string host) {
  struct Done {
    std::shared_ptr<RouterCore> core;
    std::string host;
    ~Done() { core->contrasting.erase(host); }
  };
  const Done done{shared_from_this(), host};
  auto probe = probe_flight_for(host, to.port());
  // Opening it is the whole probe: what comes of it is learnt there, the connection itself is dropped.
  auto opened = co_await open(std::move(to), std::move(probe), true);
  if (opened) opened->stream->close();
}

}  // namespace surang::client
