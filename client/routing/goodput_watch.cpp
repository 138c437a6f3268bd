// What RouterCore does about a direct connection that stands still, crawls, or shows a certificate that the
// browser refuses: new connections lean on the tunnel, the browser is made to try again, and a proof of our
// own by both ways convicts, or does not.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/look.hpp"
#include "client/detection/probe_flight.hpp"
#include "client/routing/router_core.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kLeanFor = 60s;
constexpr std::size_t kMostProofs = 4;
constexpr auto kProofPause = 10min;
constexpr int kLooks = 3;  // at whether the site answers while a connection to it stands still
constexpr auto kLookPause = 5s;
constexpr double kShare = 5;
constexpr double kAbsurd = 30e3;  // bytes a second, where nothing is known of other sites

std::string at_bytes(std::uint64_t bytes) {
  return "stood still after " + std::to_string(bytes) + " bytes";
}

std::string at_rate(double rate) {
  return std::to_string(static_cast<std::uint64_t>(rate / 1000)) + " kB/s";
}

}  // namespace

struct RouterCore::Proving {
  Proving(std::shared_ptr<RouterCore> c, std::string h) : core(std::move(c)), host(std::move(h)) {
    core->proving.insert(host);
    core->proved[host] = Clock::now();
  }
  Proving(const Proving&) = delete;
  Proving& operator=(const Proving&) = delete;
  ~Proving() { core->proving.erase(host); }
  std::shared_ptr<RouterCore> core;
  std::string host;
};

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

asio::awaitable<BulkResult> RouterCore::prove(Way way, Endpoint to, std::string host) {
  const auto self = shared_from_this();
  const auto with = tools();
  const auto within = limits();
  co_return co_await bulk_proof(executor, with, within, way, std::move(to), std::move(host), tls_context());
}

// A site that answers anew, by whatever way, while a connection to it stands still: neither the site nor the
// network is what that one waits for.
asio::awaitable<bool> RouterCore::answers_otherwise(Way way, Endpoint to, std::string host) {
  const auto self = shared_from_this();
  const auto flight = std::make_shared<const FirstFlight>(probe_flight_for(host, to.port()));
  const auto with = tools();
  const auto within = limits();
  for (const auto by : {way, Way::tunnel}) {
    const auto look = co_await look_by(executor, with, within, by, to, flight);
    learner.saw(host, *look.attempt);
    if (look.works) co_return true;
  }
  co_return false;
}

asio::awaitable<void> RouterCore::look_into_freeze(Suspicion s) {
  const auto self = shared_from_this();
  co_await asio::post(executor, asio::use_awaitable);
  if (!looked_into.insert(s.host).second) co_return;  // what is found holds for all connections to the host
  struct Done {
    std::shared_ptr<RouterCore> core;
    std::string host;
    ~Done() { core->looked_into.erase(host); }
  } const done{self, s.host};
  const auto stay = learner.stay();
  bool alive = false;
  for (int n = 0; n < kLooks && !alive && goodput->still(s.stream); ++n) {
    if (n > 0) {
      asio::steady_timer timer(executor, kLookPause);
      co_await timer.async_wait(asio::use_awaitable);
    }
    if (may_dial_extra()) alive = co_await answers_otherwise(s.way, s.to, s.host);
  }
  if (!alive || !learner.still_on(stay) || !goodput->still(s.stream)) co_return goodput->clear(s.stream);
  const bool known = tunnelled(s.host);
  if (!known) learner.doubt_way(s.host, kLeanFor);
  goodput->cut_stalled(s.host);
  if (known || !may_prove(s.host)) co_return;
  const Proving mark(self, s.host);
  const auto direct = co_await prove(s.way, s.to, s.host);
  if (!learner.still_on(stay)) co_return;
  if (direct.complete) {
    // As much as the browser's connection brought proves nothing for what comes behind that.
    if (direct.bytes > s.received) learner.trust_way(s.host);
    co_return;
  }
  const bool broke = direct.bytes > 0;  // a way that does not even open is judged elsewhere
  const auto other = co_await prove(Way::tunnel, s.to, s.host);
  // A slow line may take longer for all of it than a proof lasts.
  const bool goes_on = !other.stalled && other.bytes >= 2 * direct.bytes;
  if (broke && other.bytes > direct.bytes && (other.complete || goes_on))
    convict_proved(s, at_bytes(direct.bytes), std::to_string(other.bytes) + " bytes", stay);
  else
    learner.trust_way(s.host);
}

asio::awaitable<void> RouterCore::look_into_pace(Suspicion s) {
  const auto self = shared_from_this();
  co_await asio::post(executor, asio::use_awaitable);
  const bool known = tunnelled(s.host);
  if (known) co_return goodput->end_slow(s.host, s.crawls);
  if (proving.contains(s.host)) co_return;  // what is found holds for all connections to the host
  if (!may_prove(s.host)) co_return goodput->clear(s.stream);
  const auto stay = learner.stay();
  const Proving mark(self, s.host);
  learner.doubt_way(s.host, kLeanFor);
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
  if (!may_prove(s.host)) co_return;
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

bool RouterCore::convict_proved(const Suspicion& s, std::string direct, std::string other, Stay stay) {
  const auto now = Clock::now();
  Attempt failed(s.way, s.since), worked(Way::tunnel, s.since);
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
