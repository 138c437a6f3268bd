// What RouterCore learns behind the browser's back: from the rest of a race, by second looks, and by probes
// of its own where a flight could not be judged.
#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "client/detection/look.hpp"
#include "client/detection/probe_flight.hpp"
#include "client/detection/site_scope.hpp"
#include "client/dns/answer_check.hpp"
#include "client/routing/router_core.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kContrastPause = 30s;
constexpr std::size_t kMostContrasts = 4;
// One at a time and so far apart, what was left open while the network was suspect makes it so no more.
constexpr auto kSuspectPause = 2600ms;
constexpr auto kSuspectOver = 5100ms;
constexpr std::size_t kMostSuspected = 16;

// What a site or a lossy path may also show by chance is looked at again, which costs nobody any time.
constexpr int kMostLooks = 6;
constexpr auto kFirstLookPause = 500ms;
constexpr auto kLeanOneLook = 8s;

// In the tongue of the one that failed. A strange answer is asked for again by the very same request: it may
// belong to one page only.
std::shared_ptr<const FirstFlight> second_flight(const FirstFlight& first, Signal signal,
                                                 const std::string& host) {
  if (is_page(signal)) return std::make_shared<const FirstFlight>(first);
  return std::make_shared<const FirstFlight>(first.kind == FirstFlight::Kind::http ? http_probe_flight(host)
                                                                                   : tls_probe_flight(host));
}

}  // namespace

// One conclusion at a time for each host; others lean on the tunnel until it is reached.
struct RouterCore::Concluding {
  Concluding(std::shared_ptr<RouterCore> c, std::string h) : core(std::move(c)), host(std::move(h)) {
    core->concluding.insert(host);
  }
  Concluding(const Concluding&) = delete;
  Concluding& operator=(const Concluding&) = delete;
  ~Concluding() {
    core->concluding.erase(host);
    if (!goes_on_leaning) core->learner.stop_leaning(host);
  }
  std::shared_ptr<RouterCore> core;
  std::string host;
  bool goes_on_leaning = false;
};

asio::awaitable<void> RouterCore::aftermath(std::shared_ptr<Race> race, std::shared_ptr<Attempt> winner,
                                            std::string host, Stay stay) {
  const auto self = shared_from_this();
  if (!host.empty()) {
    try {
      co_await conclude(race, winner, host, stay);
    } catch (const boost::system::system_error& e) {
      if (e.code() != asio::error::operation_aborted) throw;
    }
  }
  // From here on it must run to its end: the race's attempts unwind before the race does.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await race->close();
}

asio::awaitable<void> RouterCore::conclude(std::shared_ptr<Race> race, std::shared_ptr<Attempt> winner,
                                           std::string host, Stay stay) {
  const auto self = shared_from_this();
  for (const auto& a : race->attempts()) learner.saw(host, *a);
  if (!race->flight().replayable) co_return;  // nothing was judged
  const auto direct = race->by(Way::direct);
  auto failing = direct ? direct : race->by(Way::direct_encrypted_dns);
  if (const auto& first = race->attempts().front(); is_evasion(first->view.way)) failing = first;
  if (!failing || winner == failing || failing->presumed) co_return;
  const auto port = race->to().port();
  const bool pending = failing->view.outcome == Outcome::pending;
  if (!winner || winner->view.outcome != Outcome::validated) {
    const bool down = winner ? false : co_await failed_elsewhere(race, host);
    const bool silent = pending ? co_await race->wait_for_failure(failing) : false;
    if (silent && !down) learner.saw(host, *failing);  // a dead site's silence is not the network's
    learner.conclude(host, port, *failing, nullptr, stay);
    co_return;
  }
  const auto known = learner.verdict(host);
  if (concluding.contains(host) || (known && (failing == direct || known->way == Way::tunnel))) co_return;
  if (winner == direct) {  // what went round a block is of no use any more, and the block is gone
    if (known && learner.still_on(stay)) learner.acquit(host);
    co_return;
  }
  std::optional<Concluding> mark(std::in_place, self, host);
  int times = 1;
  if (is_sensitive(host)) {  // what the browser met is all there is
    const bool failed = pending ? co_await race->wait_for_failure(failing) : true;
    if (failed && failing->view.signal != Signal::tls_certificate)
      learner.conclude(host, port, *failing, winner.get(), stay, times, true);
    co_return;
  }
  if (pending || !(is_proof(failing->view.signal) || learner.nearly_sure(host, failing->view.signal))) {
    if (!co_await fails_again(race, failing, host)) co_return;
    ++times;
    if (is_silence(failing->view.signal)) {
      const bool works = co_await still_works(race, winner->view.way, host);
      if (!works) co_return;
    }
  }
  const auto other = co_await preferred(race, winner, failing);
  if (failing->view.signal == Signal::tls_certificate) {
    const auto with = tools_after(*race);
    const auto within = limits();
    const auto proof =
        co_await verified(executor, with, within, other->view.way, race->to(), host, tls_context());
    // A site with a bad certificate of its own shows it everywhere: it need not be looked at again.
    if (!proof && proof.error() == Errc::certificate && learner.still_on(stay)) learner.prove(host);
    if (!proof) co_return;
    const bool lie = other->view.way == Way::tunnel && failing == direct
                         ? co_await names_lie(race->to(), host, failing->addresses)
                         : false;
    if (lie) failing->view.signal = Signal::dns_differs;
  }
  // Encrypted DNS out of reach leaves the reason that it was asked for.
  if (!direct && known && is_dns(failing->view.signal)) failing->view.signal = known->signal;
  auto ruling = learner.conclude(host, port, *failing, other.get(), stay, times);
  Clock::duration pause = kFirstLookPause;
  for (int look = 2; ruling == Ruling::not_sure && look < kMostLooks; ++look, pause *= 2) {
    learner.lean(host, pause + kLeanOneLook);
    ruling = co_await look_again(race, failing, other->view.way, pause, host, stay);
  }
  const auto now = Clock::now();
  const bool passes = learner.health().failing(now) || learner.health().held(now);
  if (ruling == Ruling::convict && failing->view.signal == Signal::tls_certificate) caught_impostor();
  if (ruling == Ruling::network_suspect && passes)
    mark->goes_on_leaning = learn_later(race->to(), host, stay);
  if (ruling != Ruling::convict || other->view.way != Way::tunnel) co_return;
  if (is_connect(failing->view.signal)) {
    if (direct) co_await blame_names(race->to(), host, direct->addresses);
    co_return;
  }
  mark.reset();  // a verdict stands: others need not lean on what may take its time
  co_await seek_evasion(race, failing, host, stay);
}

asio::awaitable<bool> RouterCore::fails_again(std::shared_ptr<Race> race, std::shared_ptr<Attempt> failing,
                                              std::string host) {
  const auto self = shared_from_this();
  const bool pending = failing->view.outcome == Outcome::pending;
  const bool unnamed = pending && failing->view.stage == Stage::resolving;
  // The name server is to be asked again, not the memory of its silence.
  if (unnamed || failing->view.signal == Signal::dns_silence) parts.names->forget_name(race->to().host());
  const auto flight = second_flight(race->flight(), failing->view.signal, host);
  std::vector<PlannedWay> plan{{failing->view.way, StartWhen::at_once}};
  const auto second =
      std::make_shared<Race>(executor, tools(), limits(), std::move(plan), race->to(), flight);
  const RaceEnd end{self, second};
  // Begun now, when another way has just answered, beside the first one while that is silent still: a network
  // that was away in between gives it an answer.
  const auto again = second->begin();
  const bool failed = co_await race->wait_for_failure(failing);
  if (pending) learner.saw(host, *failing);
  if (!failed) co_return false;
  const bool twice = co_await second->wait_for_failure(again);
  if (!twice) learner.failed_by_chance(host, failing->view.signal);
  learner.saw(host, *again);
  co_return twice;
}

asio::awaitable<bool> RouterCore::still_works(std::shared_ptr<Race> race, Way way, std::string host) {
  const auto self = shared_from_this();
  const auto flight = second_flight(race->flight(), Signal::none, host);
  const auto with = tools_after(*race);
  const auto within = limits();
  const auto look = co_await look_by(executor, with, within, way, race->to(), flight);
  learner.saw(host, *look.attempt);
  co_return look.works;
}

// After a while, by both ways: what comes in bursts is over by then.
asio::awaitable<Ruling> RouterCore::look_again(std::shared_ptr<Race> race, std::shared_ptr<Attempt> failing,
                                               Way other_way, Clock::duration pause, std::string host,
                                               Stay stay) {
  const auto self = shared_from_this();
  asio::steady_timer timer(executor, pause);
  co_await timer.async_wait(asio::use_awaitable);
  const auto with = tools();
  const auto within = limits();
  const auto flight = second_flight(race->flight(), failing->view.signal, host);
  const auto look = co_await look_by(executor, with, within, failing->view.way, race->to(), flight);
  learner.saw(host, *look.attempt);
  if (look.works) co_return Ruling::not_failed;
  const auto round = tools_after(*race);
  const auto other = co_await look_by(executor, round, within, other_way, race->to(), flight);
  learner.saw(host, *other.attempt);
  if (confirms_page(other.attempt->view, look.attempt->view)) co_return Ruling::not_failed;
  co_return learner.conclude(host, race->to().port(), *look.attempt,
                             other.works ? other.attempt.get() : nullptr, stay);
}

bool RouterCore::learn_later(Endpoint to, std::string host, Stay stay) {
  const auto same = [&](const auto& s) { return s.host == host; };
  const bool there = std::any_of(suspected.begin(), suspected.end(), same);
  if (!there && suspected.size() >= kMostSuspected) return false;
  const auto turns = static_cast<int>(suspected.size());
  learner.lean(host, kSuspectOver + (turns + 2) * kSuspectPause);
  if (there) return true;
  suspected.emplace_back(std::move(to), std::move(host), stay);
  if (!retrying) background.spawn(retry_suspected());
  retrying = true;
  return true;
}

// Most of what failed in a wave works again when that is over, and need not stand in the queue.
asio::awaitable<void> RouterCore::dismiss_working() {
  const auto self = shared_from_this();
  TaskGroup looks(executor);
  for (const auto& s : suspected) looks.spawn(dismiss_if_working(s.to, s.host));
  co_await looks.join();
}

asio::awaitable<void> RouterCore::dismiss_if_working(Endpoint to, std::string host) {
  const auto self = shared_from_this();
  parts.names->forget_name(to.host());
  const auto flight = std::make_shared<const FirstFlight>(probe_flight_for(host, to.port()));
  const auto with = tools();
  const auto within = limits();
  const auto look = co_await look_by(executor, with, within, Way::direct, std::move(to), flight);
  if (!look.works) co_return;
  learner.saw(host, *look.attempt);
  learner.stop_leaning(host);
  std::erase_if(suspected, [&](const auto& s) { return s.host == host; });
}

asio::awaitable<void> RouterCore::retry_suspected() {
  const auto self = shared_from_this();
  asio::steady_timer timer(executor, kSuspectOver);
  co_await timer.async_wait(asio::use_awaitable);
  co_await dismiss_working();
  while (!suspected.empty()) {
    auto next = std::move(suspected.front());
    suspected.pop_front();
    if (learner.still_on(next.stay) && contrasting.insert(next.host).second)
      co_await contrast(next.to, next.host);
    timer.expires_after(kSuspectPause);
    co_await timer.async_wait(asio::use_awaitable);
  }
  retrying = false;
}

// A dead address may be a name server's lie. Proof is a certificate shown at the address that encrypted DNS
// gives: then the tunnel is not needed.
asio::awaitable<void> RouterCore::blame_names(Endpoint to, std::string host,
                                              std::vector<asio::ip::address> tried) {
  const auto self = shared_from_this();
  if (to.address() || to.port() == 80 || !parts.names->has_encrypted()) co_return;
  const auto stay = learner.stay();
  const auto truth = co_await parts.names->encrypted(host);
  if (!truth || !contradicts(tried, *truth)) co_return;
  const auto with = tools();
  const auto within = limits();
  const auto proof =
      co_await verified(executor, with, within, Way::direct_encrypted_dns, to, host, tls_context());
  if (!proof || !learner.still_on(stay)) co_return;
  learner.convict_host(host, to.port(), Way::direct_encrypted_dns, Signal::dns_differs, {});
}

void RouterCore::contrast_later(Endpoint to, std::string host) {
  if (is_sensitive(host)) return;
  const bool other_ways = tunnel || options.evasion;
  if (!other_ways || contrasting.size() >= kMostContrasts || contrasting.contains(host)) return;
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
  const bool down = co_await down_elsewhere(to, host);
  if (down) co_return;
  auto probe = probe_flight_for(host, to.port());
  // Opening it is the whole probe: what comes of it is learnt there, the connection itself is dropped.
  auto opened = co_await open(std::move(to), std::move(probe), nullptr, true);
  if (opened) opened->stream->close();
}

}  // namespace surang::client
