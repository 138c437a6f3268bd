#include "transports/quic/served_connection.hpp"

#include "transports/core/timeout.hpp"
#include "transports/quic/control_stream.hpp"
#include "transports/quic/flow.hpp"

namespace surang::quic {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 1s;

ConnectionOptions options_of(const tunnel::ServeLimits& limits) {
  ConnectionOptions options;
  options.idle_limit = limits.idle_session_limit;
  options.dead_peer_limit = 30s;
  options.max_streams = limits.max_streams;
  return options;
}

asio::awaitable<Result<void>> woken(Wakeup& wakeup, asio::any_io_executor executor) {
  co_await wakeup.wait(std::move(executor));
  co_return Result<void>{};
}

}  // namespace

ServedConnection::ServedConnection(asio::any_io_executor executor, const std::shared_ptr<Home>& home,
                                   Scrambler& scrambler, const TlsServer& tls, const UserKey& user,
                                   const Path& path, const tunnel::ServeLimits& limits,
                                   const ngtcp2_pkt_hd& first, std::shared_ptr<void> admitted)
    : executor_(executor),
      home_(home),
      limits_(limits),
      admitted_(std::move(admitted)),
      connection_(std::move(executor), *this, scrambler, tls, user, path, options_of(limits), first) {}

ServedConnection::~ServedConnection() {
  connection_.close();
  leave();
}

void ServedConnection::leave() noexcept {
  if (std::exchange(gone_, true)) return;
  if (const auto home = home_.lock()) home->gone(*this);
}

bool ServedConnection::send(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment) {
  const auto home = home_.lock();
  return !home || home->send(*this, path, datagrams, segment);
}

void ServedConnection::own_id(const ngtcp2_cid& id) {
  if (const auto home = home_.lock()) home->own_id(*this, id);
}

void ServedConnection::drop_id(const ngtcp2_cid& id) {
  if (const auto home = home_.lock()) home->drop_id(id);
}

void ServedConnection::on_handshake() {
  admitted_.reset();
  get_ready();
}

void ServedConnection::on_end() {
  ended_.notify();
  leave();
}

void ServedConnection::get_ready() {
  if (std::exchange(ready_, true)) return;
  if (const auto home = home_.lock()) home->ready(*this);
}

// Requests may come in the first flight, before the handshake is done: by a ticket that only this user can
// have.
void ServedConnection::on_request(Request request, std::unique_ptr<QuicStream> stream) {
  Asked asked{std::move(request), std::move(stream)};
  if (exit_) return answer(std::move(asked));
  early_.push_back(std::move(asked));
  get_ready();
}

void ServedConnection::answer(Asked asked) {
  switch (asked.request.kind) {
    case Request::Kind::connection:
      return exit_->connect(std::move(asked.request.to), std::move(asked.stream));
    case Request::Kind::question:
      if (!exit_->takes_questions()) return asked.stream->refuse_with(make_error_code(Errc::protocol));
      return exit_->question(std::move(asked.request.to), std::move(asked.stream));
    case Request::Kind::datagrams:
      if (!exit_->takes_datagrams()) return asked.stream->refuse_with(make_error_code(Errc::no_route));
      return exit_->datagrams(std::move(asked.stream), [](tunnel::Exit::IncomingPtr granted) {
        return make_flow(std::unique_ptr<QuicStream>(static_cast<QuicStream*>(granted.release())));
      });
    case Request::Kind::control:
      if (control_) return asked.stream->close(true);
      control_ = std::move(asked.stream);
      control_->grant(tunnel::IncomingStream::Grant::answer);
      echoes_->spawn(echo(control_));
  }
}

asio::awaitable<void> ServedConnection::echo(std::shared_ptr<QuicStream> stream) {
  const bool fair = co_await give_echoes(*stream, limits_.max_pings_per_minute);
  if (!fair) connection_.close(1);
}

asio::awaitable<error_code> ServedConnection::run(const std::atomic<bool>& drain) {
  // Also when this is cancelled: nothing is to be asked for while what was asked for ends.
  struct Close {
    Connection& connection;
    ~Close() { connection.close(); }
  } const close{connection_};
  bool told = false;
  while (!connection_.ended()) {
    (void)co_await with_timeout(kTick, woken(ended_, executor_));
    if (!drain || connection_.ended()) continue;
    if (control_ && !std::exchange(told, true)) say_leave(*control_);
    if (connection_.streams() == 0) connection_.close();
  }
  co_return connection_.error();
}

asio::awaitable<Result<void>> ServedConnection::serve(Dialer& egress, tunnel::ServeCounters& counters,
                                                      std::atomic<std::uint64_t>& user_bytes,
                                                      const std::atomic<bool>& drain,
                                                      tunnel::Control* control, DatagramOpener* datagrams) {
  struct Served {
    ServedConnection& self;
    ~Served() {
      self.exit_ = nullptr;
      self.echoes_ = nullptr;
      self.connection_.close();
      self.connection_.meter({});
    }
  };
  ++counters.sessions;
  connection_.meter({{&counters.bytes_up, &user_bytes}, {&counters.bytes_down, &user_bytes}});
  tunnel::Exit exit(executor_, egress, limits_, counters, control, datagrams);
  TaskGroup echoes(executor_);
  const Served served{*this};
  exit_ = &exit;
  echoes_ = &echoes;
  for (auto& asked : std::exchange(early_, {})) answer(std::move(asked));
  const error_code ended = co_await exit.end_with(echoes.end_with(run(drain)));
  if (ended) co_return ended;
  co_return Result<void>{};
}

}  // namespace surang::quic
