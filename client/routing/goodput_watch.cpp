// What RouterCore does about a direct connection that crawls, or shows a certificate that the browser
// refuses: a proof of our own by both ways convicts, or does not. What stands still is looked into by
// freeze_watch.cpp.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/routing/proving.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostProofs = 4;
constexpr auto kProofPause = 10min;
constexpr double kShare = 5;
constexpr double kAbsurd = 30e3;  // bytes a second, where nothing is known of other sites

std::string at_rate(double rate) {
  return std::to_string(static_cast<std::uint64_t>(rate / 1000)) + " kB/s";
}

}  // namespace

StreamPtr RouterCore::watch_goodput(StreamPtr stream, Way way, const Endpoint& to, const std::string& host,
                                    const FirstFlight& flight, std::span<const std::uint8_t> first_answer,
                                    Clock::duration rtt) {
  if (!goodput) {
    const auto weak = weak_from_this();
    goodput = std::make_shared<GoodputMonitor>(
        executor,
        [weak](const Suspicion& suspicion) {
          if (const auto core = weak.lock()) core->look_into(suspicion);
        },
        [weak] {
          if (const auto core = weak.lock()) core->learner.health().direct_worked(Clock::now());
        },
        [weak](const std::string& beyond) {
          if (const auto core = weak.lock()) core->background.spawn(core->believe_frozen(beyond));
        });
  }
  return goodput->follow(std::move(stream), way, to, host, flight, first_answer, rtt);
}

void RouterCore::stop() {
  if (goodput) goodput->stop();
  background.cancel();
  parts.names->forget();
}

// Called from within an operation of the stream: what follows begins behind it.
void RouterCore::look_into(const Suspicion& suspicion) {
  switch (suspicion.signal) {
    case Signal::frozen:
      return background.spawn(look_into_freeze(suspicion));
    case Signal::throttled:
      return background.spawn(look_into_pace(suspicion));
    default:
      return background.spawn(look_into_certificate(suspicion));
  }
}

bool RouterCore::may_prove(const std::string& host) {
  const auto now = Clock::now();
  std::erase_if(proved, [&](const auto& entry) { return now - entry.second > kProofPause; });
  if (is_sensitive(host)) return false;
  return proving.size() < kMostProofs && !proving.contains(host) && !proved.contains(host);
}

// Convicted already: nothing need be proved of connections that were there before.
bool RouterCore::tunnelled(const std::string& host) {
  const auto verdict = learner.verdict(host);
  return verdict && verdict->way == Way::tunnel;
}

asio::awaitable<BulkResult> RouterCore::prove(Way way, Endpoint to, std::string host, std::uint64_t enough) {
  const auto self = shared_from_this();
  const auto with = tools();
  const auto within = limits();
  co_return co_await bulk_proof(executor, with, within, way, std::move(to), std::move(host), tls_context(),
                                enough);
}

asio::awaitable<void> RouterCore::look_into_pace(Suspicion s) {
  const auto self = shared_from_this();
  co_await asio::post(executor, asio::use_awaitable);
  // Nowhere else to go, or nothing may be asked for.
  if (!tunnel || is_sensitive(s.host)) co_return goodput->clear(s.stream);
  const bool known = tunnelled(s.host);
  if (known) co_return goodput->end_slow(s.host, s.crawls);
  if (proving.contains(s.host)) co_return;  // what is found holds for all connections to the host
  if (!may_prove(s.host)) co_return goodput->clear(s.stream);
  const auto stay = learner.stay();
  const Proving mark(self, s.host);
  learner.doubt_way(s.host, lean_for(options));
  auto direct = co_await prove(s.way, s.to, s.host);
  // A line this narrow may lose the connecting, too.
  if (direct.bytes == 0) direct = co_await prove(s.way, s.to, s.host);
  const auto others = goodput->others(s.host);
  const bool slow = direct.bytes > 0 && direct.rate < (others ? others->rate / kShare : kAbsurd);
  BulkResult other;
  if (slow) other = co_await prove(Way::tunnel, s.to, s.host);
  bool convicted = false;
  if (slow && other.complete && direct.rate * kShare < other.rate)
    convicted = convict_proved(s, at_rate(direct.rate), at_rate(other.rate), stay);
  if (convicted) co_return goodput->end_slow(s.host, s.crawls);
  learner.trust_way(s.host);
  goodput->clear(s.stream);
}

asio::awaitable<void> RouterCore::look_into_certificate(Suspicion s) {
  const auto self = shared_from_this();
  co_await asio::post(executor, asio::use_awaitable);
  if (!tunnel || !may_prove(s.host)) co_return;
  const auto stay = learner.stay();
  const Proving mark(self, s.host);
  const auto with = tools();
  const auto within = limits();
  const auto context = tls_context();
  const auto direct = co_await verified(executor, with, within, s.way, s.to, s.host, context);
  if (direct || direct.error() != Errc::certificate || !learner.still_on(stay)) co_return;
  const auto other = co_await verified(executor, with, within, Way::tunnel, s.to, s.host, context);
  // A site with a bad certificate of its own shows it everywhere.
  if (!other && other.error() == Errc::certificate && learner.still_on(stay)) learner.prove(s.host);
  if (other && convict_proved(s, "refused by the browser", "it verifies", stay)) caught_impostor();
}

bool RouterCore::convict_proved(const Suspicion& s, std::string direct, std::string other, Stay stay,
                                Way other_way) {
  const auto now = Clock::now();
  Attempt failed(s.way, s.since), worked(other_way, s.since);
  failed.ended = worked.ended = now;
  failed.view.outcome = Outcome::failed;
  failed.view.signal = s.signal;
  failed.view.detail = std::move(direct);
  worked.view.outcome = Outcome::validated;
  worked.view.detail = std::move(other);
  learner.saw(s.host, worked);
  return learner.conclude(s.host, s.to.port(), failed, &worked, stay) == Ruling::convict;
}

}  // namespace surang::client
