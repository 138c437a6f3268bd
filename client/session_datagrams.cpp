#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client/inbound/udp_request.hpp"
#include "client/routing/quic_site.hpp"
#include "client/session.hpp"
#include "transports/core/datagram_relay.hpp"
#include "transports/udp/udp_socket.hpp"

namespace surang::client::session {
namespace {

using asio::ip::udp;
using Bytes = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;
using DatagramWay = Outbound::DatagramWay;

constexpr std::size_t kMostWaiting = 32;  // datagrams, while a flow is opened
constexpr std::size_t kMostPeers = 256;   // whose site is known
constexpr unsigned kMostAtOnce = 32;      // datagrams of the browser, before others run
// Between the beginnings of two flows: after one that carried, and at most after some that did not.
constexpr std::chrono::milliseconds kPause{200}, kMostPause{6400};
constexpr std::chrono::milliseconds kBelieved{200};  // what the router says of a destination
constexpr std::chrono::seconds kIdle{7440};          // as any relay

using Deliver = std::function<void(const Endpoint& from, std::span<const std::uint8_t> payload)>;

// One way: a flow that is opened for what is sent first, and again after it has ended. Its task holds it.
class Line : public std::enable_shared_from_this<Line> {
 public:
  Line(Outbound& outbound, DatagramWay way, TaskGroup& tasks, asio::any_io_executor executor, Deliver deliver)
      : outbound_(outbound),
        way_(way),
        tasks_(tasks),
        executor_(std::move(executor)),
        deliver_(std::move(deliver)) {}

  void send(Endpoint to, std::span<const std::uint8_t> payload) {
    if (flow_) return flow_->send(to, payload);
    if (waiting_.size() < kMostWaiting)
      waiting_.emplace_back(std::move(to), Bytes(payload.begin(), payload.end()));
    if (!std::exchange(running_, true)) tasks_.spawn(run(shared_from_this()));
  }
  /// Nobody sends by it any more.
  void close() {
    closed_ = true;
    if (flow_) flow_->close();
  }

 private:
  static asio::awaitable<void> run(std::shared_ptr<Line> line) {
    if (Clock::now() < line->next_at_) {
      asio::steady_timer timer(line->executor_, line->next_at_);
      co_await timer.async_wait(asio::use_awaitable);
    }
    line->next_at_ = Clock::now() + line->pause_;
    line->pause_ = std::min(2 * line->pause_, kMostPause);
    auto opened = co_await line->outbound_.open_datagrams(line->way_);
    const auto waiting = std::exchange(line->waiting_, {});
    if (!opened) spdlog::debug("no way for datagrams: {}", opened.error().message());
    if (opened && !line->closed_) {
      line->flow_ = std::move(*opened);
      for (const auto& [to, payload] : waiting) line->flow_->send(to, payload);
      co_await receive_each(*line->flow_,
                            [&line](const Endpoint& from, std::span<const std::uint8_t> payload) {
                              line->pause_ = kPause;
                              line->deliver_(from, payload);
                            });
      line->flow_.reset();
    }
    line->running_ = false;
  }

  Outbound& outbound_;
  const DatagramWay way_;
  TaskGroup& tasks_;
  const asio::any_io_executor executor_;
  const Deliver deliver_;
  DatagramFlowPtr flow_;
  bool running_ = false, closed_ = false;
  Clock::time_point next_at_{};
  std::chrono::milliseconds pause_ = kPause;
  std::vector<std::pair<Endpoint, Bytes>> waiting_;
};

// An address that the browser has begun a connection of QUIC to.
struct Peer {
  QuicSite site;
  std::vector<Bytes> held;         // while it cannot be told which site they are for
  std::optional<DatagramWay> way;  // of the site, once it is known
  std::shared_ptr<Line> line;      // by the tunnel, which finds the site's address itself: to `named`
  Endpoint named;
  Clock::time_point last_use{};
};

class Association {
 public:
  Association(Session& session, asio::any_io_executor executor, const Endpoint& sends_from)
      : session_(session),
        outbound_(session.context.outbound),
        tasks_(executor),
        socket_(executor),
        client_(unmapped(session.remote), port_of_client(session, sends_from)),
        direct_(line(DatagramWay::direct)),
        tunnel_(line(DatagramWay::tunnel)) {}

  /// Where the browser's datagrams go.
  Result<Endpoint> open() {
    if (const auto why = open_udp_socket(socket_, {unmapped(session_.local), 0})) return why;
    error_code ec;
    const auto bound = socket_.local_endpoint(ec);
    if (ec) return ec;
    return Endpoint(bound.address(), bound.port());
  }

  /// Until the browser's connection ends, whatever it says there; or nothing has come for long.
  asio::awaitable<void> run() {
    tasks_.spawn(receive());
    (void)co_await tasks_.end_with(connection_ended());
  }

 private:
  // What it says it will send from, where that can be: others put there what they like.
  static std::uint16_t port_of_client(const Session& session, const Endpoint& sends_from) {
    const auto& address = sends_from.address();
    const bool its_own = address && (address->is_unspecified() || *address == unmapped(session.remote));
    return its_own ? sends_from.port() : 0;
  }

  asio::awaitable<Result<void>> connection_ended() {
    std::array<char, 256> ignored;
    for (;;) {
      const auto n = co_await session_.browser.stream->read_some_for(asio::buffer(ignored), kIdle);
      const bool quiet = !n && n.error() == Errc::timed_out;
      if (quiet ? Clock::now() - last_ >= kIdle : (!n || *n == 0)) co_return Result<void>{};
    }
  }

  asio::awaitable<void> receive() {
    for (;;) {
      error_code ec;
      co_await socket_.async_wait(udp::socket::wait_read, asio::redirect_error(asio::use_awaitable, ec));
      if (ec) co_return;
      ScratchBuffer block;
      for (unsigned i = 0; i < kMostAtOnce; ++i) {
        udp::endpoint from;
        const auto n = socket_.receive_from(block.all(), from, 0, ec);
        if (ec == asio::error::would_block) break;
        if (!ec && n < ScratchBuffer::kSize) take({block.data(), n}, from);
      }
    }
  }

  // Only from where the connection is from, and by the one port that makes a request first.
  void take(std::span<const std::uint8_t> datagram, const udp::endpoint& from) {
    if (from.address() != client_.address()) return;
    if (client_.port() != 0 && from.port() != client_.port()) return;
    const auto request = parse_udp_request(datagram);
    if (!request) return;
    client_.port(from.port());
    last_ = Clock::now();
    forward(request->to, request->payload);
  }

  void forward(const Endpoint& to, std::span<const std::uint8_t> payload) {
    auto* const peer = to.address() ? peer_at(to, payload) : nullptr;
    if (!peer) return send_by(way_to(to), to, payload);
    const auto look = peer->site.look(payload);
    if (look == QuicSite::Look::hold) return void(peer->held.emplace_back(payload.begin(), payload.end()));
    if (look == QuicSite::Look::site) begin(*peer, to);
    for (const auto& held : std::exchange(peer->held, {})) send_to(*peer, to, held);
    send_to(*peer, to, payload);
  }

  void send_by(DatagramWay way, const Endpoint& to, std::span<const std::uint8_t> payload) {
    if (way != DatagramWay::refused) (way == DatagramWay::tunnel ? tunnel_ : direct_)->send(to, payload);
  }

  void send_to(Peer& peer, const Endpoint& to, std::span<const std::uint8_t> payload) {
    if (peer.line) return peer.line->send(peer.named, payload);
    send_by(peer.way ? *peer.way : way_to(to), to, payload);
  }

  // Most are for whom the one before was for.
  DatagramWay way_to(const Endpoint& to) {
    const auto now = Clock::now();
    if (now >= believed_.until || believed_.to != to)
      believed_ = {to, outbound_.datagram_way(to, to.host()), now + kBelieved};
    return believed_.way;
  }

  // Null for one who is sent nothing that can tell a site.
  Peer* peer_at(const Endpoint& to, std::span<const std::uint8_t> payload) {
    auto found = peers_.find(to);
    if (found == peers_.end()) {
      if (!tls::QuicHello::may_begin(payload)) return nullptr;
      if (peers_.size() >= kMostPeers) forget_one();
      found = peers_.try_emplace(to).first;
    }
    found->second.last_use = Clock::now();
    return &found->second;
  }

  void forget_one() {
    const auto quiet =
        std::ranges::min_element(peers_, {}, [](const auto& entry) { return entry.second.last_use; });
    if (quiet->second.line) quiet->second.line->close();
    peers_.erase(quiet);
  }

  // A connection to the site that `peer` has just been asked for.
  void begin(Peer& peer, const Endpoint& to) {
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
  std::shared_ptr<Line> line(DatagramWay way, std::optional<Endpoint> as = {}) {
    return std::make_shared<Line>(outbound_, way, tasks_, socket_.get_executor(),
                                  [this, as = std::move(as), site = std::optional<Endpoint>()](
                                      const Endpoint& from, std::span<const std::uint8_t> payload) mutable {
                                    if (as && from.port() == as->port() && !site) site = from;
                                    if (as ? from != site : !from.address().has_value())
                                      return;  // a stranger; or nobody
                                    deliver(as ? *as : from, payload);
                                  });
  }

  void deliver(const Endpoint& from, std::span<const std::uint8_t> payload) {
    last_ = Clock::now();
    const auto header = udp_reply_header(from);
    const std::array<asio::const_buffer, 2> datagram{asio::buffer(header),
                                                     asio::buffer(payload.data(), payload.size())};
    error_code lost;
    socket_.send_to(datagram, client_, 0, lost);
  }

  Session& session_;
  Outbound& outbound_;
  TaskGroup tasks_;
  udp::socket socket_;
  udp::endpoint client_;  // port 0: not known yet
  const std::shared_ptr<Line> direct_, tunnel_;
  std::map<Endpoint, Peer> peers_;
  Clock::time_point last_ = Clock::now();
  struct {
    Endpoint to;
    DatagramWay way = DatagramWay::refused;
    Clock::time_point until{};
  } believed_;
};

}  // namespace

asio::awaitable<void> serve_datagrams(Session& session, const SocksCodec& codec) {
  const auto executor = co_await asio::this_coro::executor;
  Association association(session, executor, codec.destination());
  const auto at = association.open();
  if (!at) {
    ++session.context.counters.failed;
    spdlog::debug("c{} no port for datagrams: {}", session.id, at.error().message());
  }
  const auto reply = at ? SocksCodec::associated_at(*at) : codec.reply(SocksAnswer::failed);
  const auto sent = co_await session.browser.write(reply);
  if (!sent) co_return;
  if (!at) co_return co_await session.browser.finish();
  spdlog::debug("c{} sends datagrams", session.id);
  co_await association.run();
}

}  // namespace surang::client::session
