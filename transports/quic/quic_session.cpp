#include "transports/quic/quic_session.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "transports/core/wrapping_stream.hpp"
#include "transports/quic/flow.hpp"
#include "transports/quic/packet_loop.hpp"
#include "transports/udp/source_address.hpp"

namespace surang::quic {
namespace {

constexpr auto kLookAtWay = std::chrono::milliseconds(500);

// What a bridge's refusal of a question means; words that are none of ours say nothing.
error_code refused(const error_code& why) {
  if (why == Errc::destination_denied || why == Errc::limit || why == Errc::timed_out ||
      why == Errc::would_block)
    return why;
  return make_error_code(why == Errc::protocol ? Errc::protocol : Errc::no_route);
}

class Answer final : public WrappingStream {
 public:
  using WrappingStream::WrappingStream;
  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    auto got = WrappingStream::try_read(into);
    if (!got) return refused(got.error());
    return got;
  }
};

ConnectionOptions options_of(const tunnel::SessionOptions& asked) {
  ConnectionOptions options;
  options.handshake_limit = asked.connect_limit;
  options.dead_peer_limit = asked.dead_peer_limit;
  options.idle_limit = asked.idle_limit;
  return options;
}

}  // namespace

// As receive_packets has it.
struct QuicSession::Reader {
  QuicSession& session;
  std::weak_ptr<const bool> alive;

  bool gone() const { return alive.expired(); }
  void take(const Path& path, std::span<std::uint8_t> datagram) {
    const auto packet = session.common_->scrambler.unscramble(datagram);
    if (packet) session.connection_->receive(path, *packet);
  }
  // Nobody is there, says ICMP; which anybody may say, so that it is not believed of a bridge that was heard.
  void refused(const error_code& why) {
    if (why == asio::error::connection_refused && !session.connection_->proven())
      session.connection_->abandon(why);
  }
  void rest() { session.connection_->flush(); }
};

Result<std::unique_ptr<QuicSession>> QuicSession::make(asio::any_io_executor executor,
                                                       std::shared_ptr<DialerState> common,
                                                       const Path::Address& bridge,
                                                       const tunnel::SessionOptions& options) {
  auto socket = std::make_shared<PacketSocket>(executor);
  if (const auto ec = socket->connect(bridge)) return ec;
  try {
    return std::unique_ptr<QuicSession>(
        new QuicSession(std::move(executor), std::move(common), std::move(socket), bridge, options));
  } catch (const std::runtime_error&) {  // of a library
    return make_error_code(Errc::protocol);
  }
}

QuicSession::QuicSession(asio::any_io_executor executor, std::shared_ptr<DialerState> common,
                         std::shared_ptr<PacketSocket> socket, const Path::Address& bridge,
                         const tunnel::SessionOptions& options)
    : executor_(executor), common_(std::move(common)), bridge_(bridge), tasks_(std::move(executor)) {
  const Path path{socket->local(), bridge_};
  connection_ = std::make_unique<Connection>(executor_, *this, common_->scrambler, common_->tls,
                                             common_->user, path, options_of(options), common_->resumption);
  connection_->meter({{options.received}, {options.sent}});
  use(std::move(socket));
}

QuicSession::~QuicSession() {
  alive_.reset();
  control_.reset();
  connection_->close();
  socket_->close();
}

void QuicSession::use(std::shared_ptr<PacketSocket> socket) {
  if (socket_) socket_->close();
  socket_ = std::move(socket);
  outbox_ = std::make_unique<Outbox>(executor_, socket_, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) connection_->resume();
  });
  tasks_.spawn(receive_packets(executor_, socket_, Reader{*this, alive_}));
}

bool QuicSession::send(const Path&, std::span<const std::uint8_t> datagrams, std::size_t segment) {
  return outbox_->send({}, datagrams, segment);
}

// Who only receives notices by nothing that its address is no more.
asio::awaitable<void> QuicSession::watch_way(QuicSession& self, std::weak_ptr<const bool> alive) {
  asio::steady_timer timer(self.executor_);
  for (;;) {
    timer.expires_after(kLookAtWay);
    co_await timer.async_wait(asio::use_awaitable);
    if (alive.expired() || self.connection_->ended()) co_return;
    if (self.connection_->streams() == 0) continue;
    const auto source = source_address(self.executor_, self.bridge_);
    if (source && *source != self.socket_->local().address()) (void)self.follow();
  }
}

asio::awaitable<error_code> QuicSession::run() {
  struct Stop {
    QuicSession& self;
    ~Stop() {
      self.connection_->close();
      self.socket_->close();
    }
  } const stop{*this};
  connection_->flush();
  tasks_.spawn(watch_way(*this, alive_));
  while (!connection_->ended()) co_await news_.wait(executor_);
  control_.reset();
  co_return connection_->error();
}

void QuicSession::on_end() {
  // What the bridge does not take (any more) is not to be said again.
  if (connection_->early() && connection_->error() &&
      (!connection_->proven() || connection_->error() == Errc::protocol))
    common_->resumption = {};
  news_.notify();
  common_->news.notify();
}

void QuicSession::on_quiet() {
  if (draining_ && connection_->proven()) connection_->close();
}

StreamPtr QuicSession::connect(const Endpoint& to) {
  return connection_->open({Request::Kind::connection, to});
}

Result<DatagramFlowPtr> QuicSession::open_flow() {
  return make_flow(connection_->open({Request::Kind::datagrams, {}}));
}

StreamPtr QuicSession::question(const Endpoint& to) {
  return std::make_unique<Answer>(connection_->open({Request::Kind::question, to}));
}

EchoAsker& QuicSession::control() {
  if (!control_) {
    control_ = std::make_unique<EchoAsker>(connection_->open({Request::Kind::control, {}}));
    control_->start([this] { draining_ = true; });
  }
  return *control_;
}

void QuicSession::introduce() {
  (void)control();
}

asio::awaitable<Result<std::chrono::microseconds>> QuicSession::ping() {
  return control().ask();
}

void QuicSession::drain() {
  draining_ = true;
  if (connection_->streams() == 0) connection_->close();
}

void QuicSession::abandon() noexcept {
  connection_->abandon(make_error_code(Errc::timed_out));
}

bool QuicSession::usable() const noexcept {
  return !draining_ && !connection_->ended();
}

bool QuicSession::heard() const noexcept {
  return connection_->proven();
}

std::size_t QuicSession::streams() const noexcept {
  return connection_->streams();
}

std::chrono::microseconds QuicSession::rtt() const noexcept {
  return connection_->ended() ? std::chrono::microseconds{} : connection_->rtt();
}

std::chrono::steady_clock::time_point QuicSession::last_heard() const noexcept {
  return connection_->last_heard();
}

bool QuicSession::follow() {
  if (connection_->ended() || !connection_->proven()) return false;
  auto socket = std::make_shared<PacketSocket>(executor_);
  if (socket->connect(bridge_)) return false;
  const Path path{socket->local(), bridge_};
  if (!connection_->migrate(path)) return false;  // the old way may still be one
  use(std::move(socket));
  connection_->resume();
  return true;
}

}  // namespace surang::quic
