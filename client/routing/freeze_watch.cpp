// What RouterCore does about a direct connection that stands still: new connections lean on the tunnel, the
// browser is made to try again, and a proof of our own by both ways convicts, or does not. Where none can
// show it, what the browser's own connections show again and again does. Without a bridge an evasion may go
// round it.
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/look.hpp"
#include "client/detection/probe_flight.hpp"
#include "client/routing/proving.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr int kLooks = 3;  // at whether the site answers while a connection to it stands still
constexpr auto kLookPause = 5s;
constexpr std::size_t kMostUnproved = 64;

std::string at_bytes(std::uint64_t bytes) {
  return "stood still after " + std::to_string(bytes) + " bytes";
}

// It opened, and then stood still or was ended; what is slow only is judged elsewhere.
bool broke(const BulkResult& result) {
  return !result.complete && !result.late && result.bytes > 0;
}

bool brought(const BulkResult& result, std::uint64_t more_than) {
  return (result.complete || result.late) && result.bytes > more_than;
}

// More than that, all of it or twice as much: a slow line may take longer for all than a proof lasts.
bool brought_more(const BulkResult& other, const BulkResult& direct) {
  return brought(other, direct.bytes) && (other.complete || other.bytes >= 2 * direct.bytes);
}

}  // namespace

// A site that answers anew, by whatever way, while a connection to it stands still: neither the site nor the
// network is what that one waits for.
asio::awaitable<bool> RouterCore::answers_otherwise(Way way, Endpoint to, std::string host) {
  const auto self = shared_from_this();
  const auto flight = std::make_shared<const FirstFlight>(probe_flight_for(host, to.port()));
  const auto with = tools();
  const auto within = limits();
  for (const auto by : {way, Way::tunnel}) {
    if (by == Way::tunnel && !tunnel) break;
    const auto look = co_await look_by(executor, with, within, by, to, flight);
    learner.saw(host, *look.attempt);
    if (look.works) co_return true;
  }
  co_return false;
}

asio::awaitable<void> RouterCore::look_into_freeze(Suspicion s) {
  const auto self = shared_from_this();
  co_await asio::post(executor, asio::use_awaitable);
  spdlog::debug("{}: a connection stands still after {} bytes{}", s.host, s.received,
                s.heard ? ", which may be a pause" : "");
  if (!looked_into.insert(s.host).second) co_return;  // what is found holds for all connections to the host
  struct Done {
    std::shared_ptr<RouterCore> core;
    std::string host;
    ~Done() { core->looked_into.erase(host); }
  } const done{self, s.host};
  if (s.heard) {
    co_await look_into_pause(s);
    co_return;
  }
  const auto stay = learner.stay();
  // Of a sensitive host nothing is asked: others, whose connections went on, have to tell.
  const bool asks = !is_sensitive(s.host);
  bool alive = !asks && s.where.others_went_on;
  for (int n = 0; asks && n < kLooks && !alive && goodput->still(s.stream); ++n) {
    if (n > 0) {
      asio::steady_timer timer(executor, kLookPause);
      co_await timer.async_wait(asio::use_awaitable);
    }
    if (may_dial_extra()) alive = co_await answers_otherwise(s.way, s.to, s.host);
  }
  if (!alive || !learner.still_on(stay) || !goodput->still(s.stream)) co_return goodput->clear(s.stream);
  if (!tunnel) {
    co_await go_round_freeze(s, stay);
    co_return;
  }
  const bool known = tunnelled(s.host);
  if (!known) learner.doubt_way(s.host, lean_for(options));
  goodput->freezes().froze(s.host, s.where);
  goodput->cut_stalled(s.host);
  if (known) co_return;
  const bool proved_it = may_prove(s.host) ? co_await prove_freeze(s, stay) : false;
  if (proved_it || !learner.still_on(stay)) co_return;
  if (unproved.size() >= kMostUnproved) unproved.clear();
  unproved.insert_or_assign(s.host, s);
  co_await believe_frozen(s.host);
}

// True when it is settled, either way.
asio::awaitable<bool> RouterCore::prove_freeze(Suspicion s, Stay stay) {
  const auto self = shared_from_this();
  const Proving mark(self, s.host);
  const auto enough = proof_beyond(s.received);
  const auto direct = co_await prove(s.way, s.to, s.host, enough);
  if (!learner.still_on(stay)) co_return true;
  if (!broke(direct)) {
    // As much as the browser's connection brought proves nothing for what comes behind that.
    if (!brought(direct, s.received)) co_return false;
    goodput->freezes().passed(s.host, direct.bytes);
    learner.trust_way(s.host);
    co_return true;
  }
  const auto other = co_await prove(Way::tunnel, s.to, s.host, enough);
  if (brought_more(other, direct) &&
      convict_proved(s, at_bytes(direct.bytes), std::to_string(other.bytes) + " bytes", stay)) {
    goodput->freezes().convicted(s.host, Clock::now());
    goodput->cut_stalled(s.host, true);
  } else {
    learner.trust_way(s.host);
  }
  co_return true;
}

asio::awaitable<void> RouterCore::believe_frozen(std::string host) {
  const auto self = shared_from_this();
  co_await asio::post(executor, asio::use_awaitable);
  const auto seen = unproved.find(host);
  if (seen == unproved.end() || tunnelled(host)) co_return;
  auto& freezes = goodput->freezes();
  if (!freezes.believed(host, Clock::now())) co_return;
  const auto s = seen->second;
  if (!convict_proved(s, at_bytes(s.received) + ", again and again", "it carried more", learner.stay()))
    co_return;
  freezes.convicted(host, Clock::now());
  unproved.erase(host);
}

asio::awaitable<void> RouterCore::look_into_pause(Suspicion s) {
  const auto self = shared_from_this();
  if (!tunnel || tunnelled(s.host) || !may_prove(s.host)) co_return goodput->clear(s.stream);
  const auto stay = learner.stay();
  const Proving mark(self, s.host);
  const auto enough = proof_beyond(s.received);
  const auto direct = co_await prove(s.way, s.to, s.host, enough);
  BulkResult other;
  if (broke(direct)) other = co_await prove(Way::tunnel, s.to, s.host, enough);
  const bool convicted =
      broke(direct) && brought_more(other, direct) && learner.still_on(stay) &&
      convict_proved(s, at_bytes(direct.bytes), std::to_string(other.bytes) + " bytes", stay);
  if (!convicted) co_return goodput->clear(s.stream);
  s.where.received = direct.bytes;
  goodput->freezes().froze(s.host, s.where);
  goodput->cut_stalled(s.host, true);
}

asio::awaitable<void> RouterCore::go_round_freeze(Suspicion s, Stay stay) {
  const auto self = shared_from_this();
  // A connection is not cut where nothing better is known: what it still brings is all there is.
  if (!may_prove(s.host)) co_return goodput->clear(s.stream);
  const Proving mark(self, s.host);
  const auto enough = proof_beyond(s.received);
  for (const auto way : evasions(s.to, nullptr)) {
    if (!cuts_hello(way) || way == s.way) continue;
    const auto round = co_await prove(way, s.to, s.host, enough);
    if (!learner.still_on(stay)) co_return goodput->clear(s.stream);
    if (!brought(round, s.received)) continue;
    evasion_memory.worked(learner.network(), s.host, way);
    learner.lean(s.host, lean_for(options));
    goodput->freezes().froze(s.host, s.where);
    goodput->cut_stalled(s.host);
    const auto direct = co_await prove(s.way, s.to, s.host, enough);
    if (!learner.still_on(stay)) co_return;
    if (broke(direct)) {
      convict_proved(s, at_bytes(direct.bytes), std::to_string(round.bytes) + " bytes", stay, way);
    } else if (brought(direct, s.received)) {
      evasion_memory.failed(s.host);
      learner.stop_leaning(s.host);
    }
    co_return;
  }
  goodput->clear(s.stream);
  learner.remark(s.host, s.way, s.signal, at_bytes(s.received) + "; a bridge would go round it");
}

}  // namespace surang::client
