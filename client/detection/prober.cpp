#include "client/detection/prober.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/use_awaitable.hpp>
#include <functional>

#include "client/detection/probe_flight.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client {
namespace {

// What a ServerHello of whoever sits at the address cannot disprove.
bool needs_certificate(const Verdict& v) {
  return v.port != 80 &&
         (v.way == Way::direct_encrypted_dns || is_dns(v.signal) || v.signal == Signal::tls_certificate);
}

// Runs a race of our own and leaves nothing of it behind.
struct Probe {
  std::shared_ptr<Attempt> attempt;  // by the one way asked
  bool works = false;
};

asio::awaitable<Probe> probe(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits, Way way,
                             Endpoint to, std::string host) {
  std::vector<PlannedWay> plan{{way, StartWhen::at_once}};
  const auto flight = std::make_shared<const FirstFlight>(probe_flight_for(host, to.port()));
  limits.budget = std::chrono::seconds(10);
  Race race(executor, tools, limits, std::move(plan), to, flight);
  const auto winner = co_await race.run_and_close();
  Probe result;
  result.attempt = race.by(way);
  result.works = winner && winner->view.outcome == Outcome::validated;
  if (result.attempt->view.outcome == Outcome::pending)
    result.attempt->view.signal = result.attempt->silence();
  co_return result;
}

asio::awaitable<void> retest(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                             Learner& learner, const ProberOptions& options, Verdict v) {
  const Endpoint to(v.subject, v.port);
  const std::string host = v.subject;
  const auto network = learner.network();
  const auto direct = co_await probe(executor, tools, limits, Way::direct, to, host);
  bool works = direct.works;
  Signal signal = direct.attempt->view.signal;
  if (works && needs_certificate(v) && options.tls_context) {
    const auto proof =
        co_await verified(executor, tools, limits, Way::direct, to, host, options.tls_context());
    works = proof.has_value();
    if (!works) signal = proof.error() == Errc::certificate ? Signal::tls_certificate : v.signal;
  }
  if (!learner.still_on(network)) co_return;
  if (works) {
    learner.saw(host, *direct.attempt);
    spdlog::info("a site works directly again");
    co_return learner.acquit(host);
  }
  // Only contrast renews it; when nothing works the network is at fault, and the verdict is left to lapse.
  const auto other = co_await probe(executor, tools, limits, v.way, to, host);
  if (!other.works || !learner.still_on(network) || learner.health().suspect(Clock::now())) co_return;
  learner.saw(host, *other.attempt);
  learner.renew(v, signal == Signal::none ? v.signal : signal);
}

}  // namespace

bool probe_due(const Verdict& v, std::chrono::seconds first_expiry, UnixSeconds now) {
  if (v.scope != Scope::host || now >= v.expires) return false;
  const auto period = expiry_after(v.step, first_expiry).count();
  if (v.used < v.expires - period) return false;
  // 2 % to 20 % of the period before its end.
  const auto own = std::hash<std::string>{}(v.subject + std::to_string(v.expires)) % 1000;
  const auto before =
      std::max<std::int64_t>(1, period * (20 + static_cast<std::int64_t>(own) * 18 / 100) / 1000);
  return now >= v.expires - before;
}

asio::awaitable<void> run_prober(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                 Learner& learner, ProberOptions options) {
  asio::steady_timer timer(executor);
  const auto horizon = expiry_after(4, learner.first_expiry()).count() / 5 + 1;
  for (;;) {
    timer.expires_after(options.tick);
    co_await timer.async_wait(asio::use_awaitable);
    const auto now = unix_now();
    std::optional<Verdict> due;
    for (const auto& v : learner.store().ending(learner.network(), now, now + horizon, 0))
      if (!due && probe_due(v, learner.first_expiry(), now)) due = v;
    if (due) co_await retest(executor, tools, limits, learner, options, *due);
  }
}

asio::awaitable<Result<void>> verified(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                       Way way, Endpoint to, std::string host,
                                       std::shared_ptr<SSL_CTX> context) {
  // Connects by the way without saying anything, then speaks TLS over it.
  std::vector<PlannedWay> plan{{way, StartWhen::at_once}};
  const auto nothing = std::make_shared<const FirstFlight>();
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
