#include "client/detection/prober.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <set>

#include "client/detection/bulk_proof.hpp"
#include "client/detection/look.hpp"
#include "client/detection/probe_flight.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client {
namespace {

constexpr std::chrono::seconds kLongestRetest{30};
constexpr UnixSeconds kLately = 24 * 3600;

// What a ServerHello of whoever sits at the address cannot disprove.
bool needs_certificate(const Verdict& v) {
  return v.port != 80 &&
         (v.way == Way::direct_encrypted_dns || is_dns(v.signal) || v.signal == Signal::tls_certificate);
}

// What asks for the site as it was asked for when the verdict was given: the head of a page tells nothing of
// it.
FirstFlight retest_flight(const Verdict& v) {
  auto flight = probe_flight_for(v.subject, v.port);
  return flight.kind == FirstFlight::Kind::http && is_page(v.signal) ? page_probe_flight(v.subject) : flight;
}

// What is in doubt when asked for directly may be the site's own by now. A host convicted by a page must show
// the very same one by both ways.
bool shows_its_own(const Verdict& v, const AttemptView& direct, const AttemptView& tunnel) {
  if (is_page(v.signal) && direct.page != tunnel.page) return false;
  return confirms_page(tunnel, direct);
}

// What a first answer cannot disprove: how it was convicted, or has been here lately where that was for
// something else. Signal::none: a first answer is enough.
Signal bulk_to_disprove(Learner& learner, const Verdict& v) {
  if (is_bulk(v.signal)) return v.signal;
  const auto evidence = learner.store().evidence(v.network, v.subject);
  const auto since = unix_now() - kLately;
  const auto found = std::find_if(evidence.begin(), evidence.end(),
                                  [&](const auto& e) { return e.at >= since && is_bulk(e.signal); });
  return found == evidence.end() ? Signal::none : found->signal;
}

asio::awaitable<void> retest(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                             Learner& learner, std::function<std::shared_ptr<SSL_CTX>()> tls_context,
                             std::uint64_t froze_at, Verdict v) {
  v = learner.begin_retest(v);
  if (v.way == Way::tunnel && !tools.tunnel) co_return;  // there is nothing to compare with
  const Endpoint to(v.subject, v.port);
  const std::string host = v.subject;
  const auto stay = learner.stay();
  const auto flight = std::make_shared<const FirstFlight>(retest_flight(v));
  // The verdict may end while this is found out; no visit must pay for that.
  struct Lean {
    Learner& learner;
    std::string host;
    ~Lean() { learner.stop_leaning(host); }
  } const lean{learner, host};
  learner.lean(host, kLongestRetest);
  auto direct = co_await look_by(executor, tools, limits, Way::direct, to, flight);
  bool works = direct.works;
  Signal signal = direct.attempt->view.signal;
  if (works && needs_certificate(v) && tls_context) {
    const auto proof = co_await verified(executor, tools, limits, Way::direct, to, host, tls_context());
    works = proof.has_value();
    if (!works) signal = proof.error() == Errc::certificate ? Signal::tls_certificate : v.signal;
  }
  if (works && is_page(v.signal) && direct.attempt->page) {
    // A block page that no mark tells, and that was seen nowhere else since the start, only contrast gives
    // away.
    const auto shown = co_await look_by(executor, tools, limits, Way::tunnel, to, flight);
    works = shown.works && shown.attempt->page && alike(*direct.attempt->page, *shown.attempt->page);
    if (!works) signal = v.signal;
  }
  if (const auto bulk = bulk_to_disprove(learner, v); works && bulk != Signal::none && tls_context) {
    const auto again =
        co_await carries_again(executor, tools, limits, bulk, to, host, tls_context(), froze_at);
    if (again == Again::unclear) co_return;  // left to lapse: only the browser's own connections can tell
    works = again == Again::yes;
    if (!works) signal = bulk;
  }
  if (!learner.still_on(stay)) co_return;
  if (works) {
    learner.saw(host, *direct.attempt);
    spdlog::info("a site works directly again");
    co_return learner.acquit(host);
  }
  // Only contrast renews it. A site that the bridge cannot reach either is down, and the verdict is left to
  // lapse; when the bridge says nothing, what was hidden stays so.
  Way way = v.way;
  auto other = co_await look_by(executor, tools, limits, way, to, flight);
  if (!other.works && way != Way::tunnel && tools.tunnel) {
    way = Way::tunnel;
    other = co_await look_by(executor, tools, limits, way, to, flight);
  }
  if (!learner.still_on(stay)) co_return;
  if (way == Way::tunnel && shows_its_own(v, direct.attempt->view, other.attempt->view)) {
    spdlog::info("a site works directly again");
    co_return learner.acquit(host);
  }
  if (!other.works) {
    if (tools.tunnel && other.attempt->view.signal != Signal::site_down) learner.hold(v);
    co_return;
  }
  if (is_silence(direct.attempt->view.signal)) {
    // The network may have come back between the two.
    direct = co_await look_by(executor, tools, limits, Way::direct, to, flight);
    if (direct.works) co_return;
  }
  if (!learner.still_on(stay) || learner.health().suspect(Clock::now())) co_return;
  learner.saw(host, *other.attempt);
  if (signal == Signal::none) signal = v.signal;
  if (way != v.way)
    co_return learner.convict_host(host, v.port, way, signal, direct.attempt->tried_address());
  learner.renew(v, signal);
}

// Marks a host as being retested for as long as it lives.
struct Busy {
  std::shared_ptr<std::set<std::string>> hosts;
  std::string host;
  ~Busy() { hosts->erase(host); }
};

asio::awaitable<void> marked(asio::awaitable<void> task, std::shared_ptr<std::set<std::string>> hosts,
                             std::string host) {
  hosts->insert(host);
  const Busy busy{hosts, host};
  co_await std::move(task);
}

}  // namespace

asio::awaitable<void> run_prober(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                 Learner& learner, ProberOptions options) {
  asio::steady_timer timer(executor);
  const auto busy = std::make_shared<std::set<std::string>>();
  for (;;) {
    timer.expires_after(options.tick);
    co_await timer.async_wait(asio::use_awaitable);
    if (learner.health().held(Clock::now())) continue;
    const auto now = unix_now();
    auto room = options.at_once - std::min(options.at_once, busy->size());
    for (const auto& v : learner.store().to_probe(learner.network(), now)) {
      if (room == 0) break;
      if (busy->contains(v.subject) || (options.spared && options.spared(v.subject))) continue;
      busy->insert(v.subject);
      --room;
      const auto froze_at = options.froze_at ? options.froze_at(v.subject) : 0;
      auto task = retest(executor, tools, limits, learner, options.tls_context, froze_at, v);
      options.spawn(marked(std::move(task), busy, v.subject));
    }
  }
}

asio::awaitable<Result<void>> verified(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                       Way way, Endpoint to, std::string host,
                                       std::shared_ptr<SSL_CTX> context) {
  // Connects by the way without saying anything, then speaks TLS over it.
  std::vector<PlannedWay> plan{{way, StartWhen::at_once}};
  const auto nothing = std::make_shared<const FirstFlight>();
  limits.budget =
      std::min(limits.budget, 2 * silence_limit(limits.hedge));  // for the name and for connecting
  Race race(executor, tools, limits, std::move(plan), to, nothing);
  const auto winner = co_await race.run_and_close();
  if (!winner) co_return race.error();
  std::vector<std::string> alpn{"h2", "http/1.1"};
  auto handshake = tls::connect_verified(std::move(winner->stream), context, host, alpn);
  auto secured =
      co_await with_timeout(limits.hedge.silence + 4 * limits.hedge.assumed_rtt, std::move(handshake));
  if (!secured) co_return secured.error();
  (*secured)->close();
  co_return Result<void>{};
}

}  // namespace surang::client
