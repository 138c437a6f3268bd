#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <utility>
#include <vector>

#include "client/inbound/udp_request.hpp"
#include "client/session.hpp"

namespace surang::client::session {
namespace {

using asio::ip::udp;
using Clock = std::chrono::steady_clock;
using DatagramWay = Outbound::DatagramWay;

constexpr std::size_t kMostWaiting = 32;  // datagrams, while a flow is opened
constexpr std::chrono::milliseconds kPause{200};
constexpr unsigned kTurnsBeforeYield = 32;
constexpr int kSocketBuffer = 1 << 20;  // bytes, where the system lets it

using Deliver = std::function<void(const Endpoint& from, std::span<const std::uint8_t> payload)>;

// One way: a flow that is opened for what is sent first, and again after it has ended.
class Line {
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
      waiting_.emplace_back(std::move(to), std::vector<std::uint8_t>(payload.begin(), payload.end()));
    if (!std::exchange(running_, true)) tasks_.spawn(run());
  }

 private:
  asio::awaitable<void> run() {
    if (const auto now = Clock::now(); now < next_at_) {
      asio::steady_timer timer(executor_, next_at_);
      co_await timer.async_wait(asio::use_awaitable);
    }
    next_at_ = Clock::now() + kPause;
    auto opened = co_await outbound_.open_datagrams(way_);
    const auto waiting = std::exchange(waiting_, {});
    if (opened) {
      flow_ = std::move(*opened);
      for (const auto& [to, payload] : waiting) flow_->send(to, payload);
      co_await receive();
      flow_.reset();
    }
    running_ = false;
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
  bool running_ = false;
  Clock::time_point next_at_{};
  std::vector<std::pair<Endpoint, std::vector<std::uint8_t>>> waiting_;
};

class Association {
 public:
  Association(Session& session, asio::any_io_executor executor, std::uint16_t sends_from)
      : session_(session),
        outbound_(session.context.outbound),
        tasks_(executor),
        socket_(executor),
        client_(unmapped(session.from), sends_from),
        direct_(outbound_, DatagramWay::direct, tasks_, executor, deliver()),
        tunnel_(outbound_, DatagramWay::tunnel, tasks_, executor, deliver()) {}

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
    auto request = parse_udp_request(datagram);
    if (!request) return;
    const auto way = outbound_.datagram_way(request->to);
    if (way == DatagramWay::refused) return;
    (way == DatagramWay::tunnel ? tunnel_ : direct_).send(std::move(request->to), request->payload);
  }

  Deliver deliver() {
    return [this](const Endpoint& from, std::span<const std::uint8_t> payload) {
      const auto header = udp_reply_header(from);
      const std::array<asio::const_buffer, 2> datagram{asio::buffer(header),
                                                       asio::buffer(payload.data(), payload.size())};
      error_code lost;
      socket_.send_to(datagram, client_, 0, lost);
    };
  }

  Session& session_;
  Outbound& outbound_;
  TaskGroup tasks_;
  udp::socket socket_;
  udp::endpoint client_;  // port 0: not known yet
  Line direct_, tunnel_;
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
