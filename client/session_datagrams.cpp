#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/datagram_paths.hpp"
#include "client/inbound/udp_request.hpp"
#include "client/session.hpp"
#include "transports/core/buffer.hpp"
#include "transports/udp/udp_socket.hpp"

namespace surang::client::session {
namespace {

using asio::ip::udp;
using Clock = std::chrono::steady_clock;

constexpr unsigned kMostAtOnce = 32;         // datagrams of the browser, before others run
constexpr std::chrono::seconds kIdle{7440};  // as any relay

class Association {
 public:
  Association(Session& session, asio::any_io_executor executor, const Endpoint& sends_from)
      : session_(session),
        tasks_(executor),
        socket_(executor),
        client_(unmapped(session.remote), port_of_client(session, sends_from)),
        paths_(
            session.context.outbound, tasks_, executor,
            [this](const Endpoint& from, std::span<const std::uint8_t> payload) { deliver(from, payload); }) {
  }

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
    paths_.forward(request->to, request->payload);
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
  TaskGroup tasks_;
  udp::socket socket_;
  udp::endpoint client_;  // port 0: not known yet
  DatagramPaths paths_;
  Clock::time_point last_ = Clock::now();
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
