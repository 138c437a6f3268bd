#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
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

namespace surang::client::session {
namespace {

using asio::ip::udp;
using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::uint8_t>;
using DatagramWay = Outbound::DatagramWay;

constexpr std::size_t kMostWaiting = 32;  // datagrams, while a flow is opened
constexpr std::chrono::milliseconds kPause{200};
constexpr unsigned kTurnsBeforeYield = 32;
constexpr std::size_t kMostPeers = 256;
constexpr std::chrono::seconds kQuiet{60};
constexpr std::chrono::milliseconds kBelieved{200};
constexpr int kSocketBuffer = 1 << 20;  // bytes, where the system lets it

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
    line->next_at_ = Clock::now() + kPause;
    auto opened = co_await line->outbound_.open_datagrams(line->way_);
    const auto waiting = std::exchange(line->waiting_, {});
    if (opened && !line->closed_) {
      line->flow_ = std::move(*opened);
      for (const auto& [to, payload] : waiting) line->flow_->send(to, payload);
      co_await line->receive();
      line->flow_.reset();
    }
    line->running_ = false;
  }

  asio::awaitable<void> receive() {
    for (unsigned turns = 0;;) {
      {
        ScratchBuffer block;
        const std::span room(block.data(), ScratchBuffer::kSize);
        const auto received = flow_->try_receive(room);
        if (!received && received.error() != Errc::would_block) co_return;
        turns = received ? turns + 1 : 0;
        if (received) deliver_(received->from, room.first(received->size));
      }
      if (turns == 0) {
        co_await flow_->wait_readable();
      } else if (turns == kTurnsBeforeYield) {
        turns = 0;
        co_await asio::post(executor_, asio::use_awaitable);
      }
    }
  }

  Outbound& outbound_;
  const DatagramWay way_;
  TaskGroup& tasks_;
  const asio::any_io_executor executor_;
  const Deliver deliver_;
  DatagramFlowPtr flow_;
  bool running_ = false, closed_ = false;
  Clock::time_point next_at_{};
  std::vector<std::pair<Endpoint, Bytes>> waiting_;
};

// An address that the browser sends to.
struct Peer {
  QuicSite site;
  std::vector<Bytes> held;     // while it cannot be told which site they are for
  std::shared_ptr<Line> line;  // of a site by the tunnel, which finds the address itself: to `named`
  Endpoint named;
  bool refused = false;
  Clock::time_point last{};
};

class Association {
 public:
  Association(Session& session, asio::any_io_executor executor, std::uint16_t sends_from)
      : session_(session),
        outbound_(session.context.outbound),
        tasks_(executor),
        socket_(executor),
        client_(unmapped(session.from), sends_from),
        direct_(line(DatagramWay::direct)),
        tunnel_(line(DatagramWay::tunnel)) {}

  /// Where the browser's datagrams go.
  Result<Endpoint> open() {
    const udp::endpoint at(unmapped(session_.at), 0);
    error_code ec, ignored;
    socket_.open(at.protocol(), ec);
    if (!ec) socket_.bind(at, ec);
    if (!ec) socket_.non_blocking(true, ec);
    if (ec) return ec;
    socket_.set_option(asio::socket_base::receive_buffer_size(kSocketBuffer), ignored);
    socket_.set_option(asio::socket_base::send_buffer_size(kSocketBuffer), ignored);
    const auto bound = socket_.local_endpoint(ec);
    if (ec) return ec;
    return Endpoint(bound.address(), bound.port());
  }

  /// Until the browser's connection ends; what it says there means nothing.
  asio::awaitable<void> run() {
    tasks_.spawn(receive());
    (void)co_await tasks_.end_with(connection_ended());
  }

 private:
  asio::awaitable<Result<void>> connection_ended() {
    auto& browser = session_.browser;
    for (;;) {
      const auto n = co_await browser.read_more();
      if (!n || *n == 0) co_return Result<void>{};
      browser.input.clear();
    }
  }

  asio::awaitable<void> receive() {
    for (;;) {
      error_code ec;
      co_await socket_.async_wait(udp::socket::wait_read, asio::redirect_error(asio::use_awaitable, ec));
      if (ec) co_return;
      ScratchBuffer block;
      for (unsigned turns = 0; turns < kTurnsBeforeYield; ++turns) {
        udp::endpoint from;
        const auto n = socket_.receive_from(block.all(), from, 0, ec);
        if (ec == asio::error::would_block) break;
        if (!ec && n < ScratchBuffer::kSize && is_client(from)) forward({block.data(), n});
      }
    }
  }

  // Only from where the connection is from, and by one port.
  bool is_client(const udp::endpoint& from) {
    if (from.address() != client_.address()) return false;
    if (client_.port() == 0) client_.port(from.port());
    return from.port() == client_.port();
  }

  void forward(std::span<const std::uint8_t> datagram) {
    const auto request = parse_udp_request(datagram);
    if (!request) return;
    const auto way = way_to(request->to);
    if (way == DatagramWay::tunnel) return tunnel_->send(request->to, request->payload);
    if (way != DatagramWay::direct) return;
    auto* const peer = request->to.address() ? peer_at(request->to, request->payload) : nullptr;
    if (!peer) return direct_->send(request->to, request->payload);
    const auto look = peer->site.look(request->payload);
    if (look == QuicSite::Look::hold)
      return void(peer->held.emplace_back(request->payload.begin(), request->payload.end()));
    if (look == QuicSite::Look::site) begin(*peer, request->to);
    for (const auto& held : std::exchange(peer->held, {})) send_to(*peer, request->to, held);
    send_to(*peer, request->to, request->payload);
  }

  // Most are for whom the one before was for.
  DatagramWay way_to(const Endpoint& to) {
    const auto now = Clock::now();
    if (now >= last_.until || last_.to != to) last_ = {to, outbound_.datagram_way(to), now + kBelieved};
    return last_.way;
  }

  // Null for one who is sent nothing that tells a site, and where there are too many.
  Peer* peer_at(const Endpoint& to, std::span<const std::uint8_t> payload) {
    const auto now = Clock::now();
    auto found = peers_.find(to);
    if (found == peers_.end()) {
      if (!tls::QuicHello::may_begin(payload)) return nullptr;
      if (peers_.size() >= kMostPeers) forget_quiet_peers(now);
      if (peers_.size() >= kMostPeers) return nullptr;
      found = peers_.try_emplace(to).first;
    }
    found->second.last = now;
    return &found->second;
  }

  void forget_quiet_peers(Clock::time_point now) {
    std::erase_if(peers_, [now](const auto& entry) {
      const bool quiet = now - entry.second.last > kQuiet;
      if (quiet && entry.second.line) entry.second.line->close();
      return quiet;
    });
  }

  // A connection to the site that `peer` has just been asked for: its name has the last word.
  void begin(Peer& peer, const Endpoint& to) {
    auto named = Endpoint::make(peer.site.name(), to.port());
    const auto way = named ? outbound_.datagram_way(*named) : DatagramWay::direct;
    peer.refused = way == DatagramWay::refused;
    const bool by_tunnel = way == DatagramWay::tunnel;
    if (by_tunnel && peer.line && peer.named == *named) return;
    if (peer.line) std::exchange(peer.line, nullptr)->close();
    if (!by_tunnel) return;
    peer.named = std::move(*named);
    peer.line = line(DatagramWay::tunnel, to);
  }

  void send_to(Peer& peer, const Endpoint& to, std::span<const std::uint8_t> payload) {
    if (peer.refused) return;
    if (peer.line)
      peer.line->send(peer.named, payload);
    else
      direct_->send(to, payload);
  }

  // What comes by it is from `as`, as far as the browser knows, or from whom it is.
  std::shared_ptr<Line> line(DatagramWay way, std::optional<Endpoint> as = {}) {
    return std::make_shared<Line>(
        outbound_, way, tasks_, socket_.get_executor(),
        [this, as = std::move(as)](const Endpoint& from, std::span<const std::uint8_t> payload) {
          const auto header = udp_reply_header(as ? *as : from);
          const std::array<asio::const_buffer, 2> datagram{asio::buffer(header),
                                                           asio::buffer(payload.data(), payload.size())};
          error_code lost;
          socket_.send_to(datagram, client_, 0, lost);
        });
  }

  Session& session_;
  Outbound& outbound_;
  TaskGroup tasks_;
  udp::socket socket_;
  udp::endpoint client_;  // port 0: not known yet
  const std::shared_ptr<Line> direct_, tunnel_;
  std::map<Endpoint, Peer> peers_;
  struct {
    Endpoint to;
    DatagramWay way = DatagramWay::refused;
    Clock::time_point until{};
  } last_;
};

}  // namespace

asio::awaitable<void> serve_datagrams(Session& session, const SocksCodec& codec) {
  const auto executor = co_await asio::this_coro::executor;
  Association association(session, executor, codec.destination().port());
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
