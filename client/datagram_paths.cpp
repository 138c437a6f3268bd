#include "client/datagram_paths.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "transports/core/datagram_relay.hpp"

namespace surang::client {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostWaiting = 32;  // datagrams, while a flow is opened
constexpr std::size_t kMostPeers = 256;   // whose site is known
// Between the beginnings of two flows: after one that carried, and at most after some that did not.
constexpr std::chrono::milliseconds kPause{200}, kMostPause{6400};
constexpr std::chrono::milliseconds kBelieved{200};  // what the router says of a destination

}  // namespace

// One way: a flow that is opened for what is sent first, and again after it has ended. Its task holds it.
class DatagramPaths::Line : public std::enable_shared_from_this<Line> {
 public:
  /// `flow`: what is opened for `way`.
  Line(Outbound& outbound, DatagramWay way, DatagramWay flow, TaskGroup& tasks,
       asio::any_io_executor executor, Deliver deliver)
      : outbound_(outbound),
        way_(way),
        flow_way_(flow),
        tasks_(tasks),
        executor_(std::move(executor)),
        deliver_(std::move(deliver)) {}

  void send(Endpoint to, std::span<const std::uint8_t> payload) {
    if (flow_) return flow_->send(to, payload);
    if (waiting_.size() < kMostWaiting)
      waiting_.emplace_back(std::move(to), Bytes(payload.begin(), payload.end()));
    if (!std::exchange(running_, true)) tasks_.spawn(run(shared_from_this()));
  }
  /// Nobody sends by it any more, and nothing that it hears is delivered.
  void close() {
    closed_ = true;
    if (flow_) flow_->close();
  }
  DatagramWay way() const { return way_; }

 private:
  static asio::awaitable<void> run(std::shared_ptr<Line> line) {
    if (Clock::now() < line->next_at_) {
      asio::steady_timer timer(line->executor_, line->next_at_);
      co_await timer.async_wait(asio::use_awaitable);
    }
    line->next_at_ = Clock::now() + line->pause_;
    line->pause_ = std::min(2 * line->pause_, kMostPause);
    auto opened = co_await line->outbound_.open_datagrams(line->flow_way_);
    const auto waiting = std::exchange(line->waiting_, {});
    if (!opened) spdlog::debug("no way for datagrams: {}", opened.error().message());
    if (opened && !line->closed_) {
      line->flow_ = std::move(*opened);
      for (const auto& [to, payload] : waiting) line->flow_->send(to, payload);
      co_await receive_each(*line->flow_,
                            [&line](const Endpoint& from, std::span<const std::uint8_t> payload) {
                              line->pause_ = kPause;
                              if (!line->closed_) line->deliver_(from, payload);
                            });
      line->flow_.reset();
    }
    line->running_ = false;
  }

  Outbound& outbound_;
  const DatagramWay way_, flow_way_;
  TaskGroup& tasks_;
  const asio::any_io_executor executor_;
  const Deliver deliver_;
  DatagramFlowPtr flow_;
  bool running_ = false, closed_ = false;
  Clock::time_point next_at_{};
  std::chrono::milliseconds pause_ = kPause;
  std::vector<std::pair<Endpoint, Bytes>> waiting_;
};

// An address that the program has begun a connection of QUIC to, or that stands for a name.
struct DatagramPaths::Peer {
  QuicSite site;
  std::vector<Bytes> held;         // while it cannot be told which site they are for
  std::optional<DatagramWay> way;  // of the site, once it is known
  std::shared_ptr<Line> line;      // for it alone, which finds the site's address itself: to `named`
  Endpoint named;
  Clock::time_point last_use{}, believed_until{};
};

DatagramPaths::DatagramPaths(Outbound& outbound, TaskGroup& tasks, asio::any_io_executor executor,
                             Deliver deliver, From from)
    : outbound_(outbound),
      tasks_(tasks),
      executor_(std::move(executor)),
      deliver_(std::move(deliver)),
      directly_(from == From::guest ? DatagramWay::direct_public : DatagramWay::direct),
      direct_(line(DatagramWay::direct)),
      tunnel_(line(DatagramWay::tunnel)) {}

DatagramPaths::~DatagramPaths() {
  direct_->close();
  tunnel_->close();
  for (auto& [to, peer] : peers_)
    if (peer.line) peer.line->close();
}

void DatagramPaths::forward(const Endpoint& to, std::span<const std::uint8_t> payload) {
  auto* const peer = to.address() ? peer_at(to, payload) : nullptr;
  if (!peer) return send_by(way_to(to), to, payload);
  const auto look = peer->site.look(payload);
  if (look == QuicSite::Look::hold) return void(peer->held.emplace_back(payload.begin(), payload.end()));
  if (look == QuicSite::Look::site) begin(*peer, to);
  for (const auto& held : std::exchange(peer->held, {})) send_to(*peer, to, held);
  send_to(*peer, to, payload);
}

void DatagramPaths::forward_as(const Endpoint& as, const Endpoint& site,
                               std::span<const std::uint8_t> payload) {
  const auto now = Clock::now();
  const auto found = peers_.find(as);
  auto& peer = found != peers_.end() ? found->second : new_peer(as);
  peer.last_use = now;
  if (now >= peer.believed_until || peer.named != site) {
    peer.believed_until = now + kBelieved;
    const auto way = outbound_.datagram_way(site, site.host());
    const bool other = !peer.line || peer.line->way() != way || peer.named != site;
    if (other && peer.line) std::exchange(peer.line, nullptr)->close();
    peer.named = site;
    if (other && way != DatagramWay::refused) peer.line = line(way, as);
  }
  if (peer.line) peer.line->send(peer.named, payload);
}

void DatagramPaths::send_by(DatagramWay way, const Endpoint& to, std::span<const std::uint8_t> payload) {
  if (way != DatagramWay::refused) (way == DatagramWay::tunnel ? tunnel_ : direct_)->send(to, payload);
}

void DatagramPaths::send_to(Peer& peer, const Endpoint& to, std::span<const std::uint8_t> payload) {
  if (peer.line) return peer.line->send(peer.named, payload);
  send_by(peer.way ? *peer.way : way_to(to), to, payload);
}

// Most are for whom the one before was for.
Outbound::DatagramWay DatagramPaths::way_to(const Endpoint& to) {
  const auto now = Clock::now();
  if (now >= believed_.until || believed_.to != to)
    believed_ = {to, outbound_.datagram_way(to, to.host()), now + kBelieved};
  return believed_.way;
}

// Null for one who is sent nothing that can tell a site.
DatagramPaths::Peer* DatagramPaths::peer_at(const Endpoint& to, std::span<const std::uint8_t> payload) {
  const auto found = peers_.find(to);
  if (found == peers_.end() && !tls::QuicHello::may_begin(payload)) return nullptr;
  auto& peer = found != peers_.end() ? found->second : new_peer(to);
  peer.last_use = Clock::now();
  return &peer;
}

// In the place of the one that has been quiet for longest, where there are many.
DatagramPaths::Peer& DatagramPaths::new_peer(const Endpoint& to) {
  if (peers_.size() >= kMostPeers) {
    const auto quiet =
        std::ranges::min_element(peers_, {}, [](const auto& entry) { return entry.second.last_use; });
    if (quiet->second.line) quiet->second.line->close();
    peers_.erase(quiet);
  }
  return peers_[to];
}

// A connection to the site that `peer` has just been asked for.
void DatagramPaths::begin(Peer& peer, const Endpoint& to) {
  auto named = Endpoint::make(peer.site.name(), to.port());
  if (!named || named->address()) return;  // no name of a site
  peer.way = outbound_.datagram_way(to, named->host());
  const bool by_tunnel = peer.way == DatagramWay::tunnel;
  if (by_tunnel && peer.line && peer.named == *named) return;
  if (peer.line) std::exchange(peer.line, nullptr)->close();
  if (!by_tunnel) return;
  peer.named = std::move(*named);
  peer.line = line(DatagramWay::tunnel, to);
}

// By a line for `as` alone all that comes seems to be from there.
std::shared_ptr<DatagramPaths::Line> DatagramPaths::line(DatagramWay way, std::optional<Endpoint> as) {
  const auto flow = way == DatagramWay::direct ? directly_ : way;
  return std::make_shared<Line>(outbound_, way, flow, tasks_, executor_,
                                [this, as = std::move(as), site = std::optional<Endpoint>()](
                                    const Endpoint& from, std::span<const std::uint8_t> payload) mutable {
                                  if (as && from.port() == as->port() && !site) site = from;
                                  if (as ? from != site : !from.address().has_value())
                                    return;  // a stranger; or nobody
                                  deliver_(as ? *as : from, payload);
                                });
}

}  // namespace surang::client
