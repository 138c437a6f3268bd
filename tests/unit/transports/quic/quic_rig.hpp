// A whole tunnel by quic over loopback: TunnelDialer, a line that a test bends, the listener, and scripted
// destinations.
#pragma once

#include <doctest.h>

#include <memory>
#include <string>

#include "tests/support/echo_flows.hpp"
#include "tests/support/flow_words.hpp"
#include "tests/support/stream_words.hpp"
#include "tests/support/tunnel_rig.hpp"
#include "tests/unit/transports/quic/udp_line.hpp"
#include "transports/quic/quic_dialer.hpp"
#include "transports/quic/quic_listener.hpp"
#include "transports/tcp/system_resolver.hpp"

namespace surang::quic_rig {

using namespace std::chrono_literals;
using test::sleep_for;
using Clock = std::chrono::steady_clock;

class QuicUsers final : public UserDirectory {
 public:
  std::optional<UserKey> find(const UserId& id) const override {
    for (const auto& user : known)
      if (user.id == id) return user;
    return std::nullopt;
  }
  std::vector<UserKey> known;
};

inline UserKey some_user(std::uint8_t which) {
  UserKey user;
  user.id.bytes.fill(which);
  user.secret.fill(static_cast<std::uint8_t>(which + 100));
  return user;
}

// Answers every question alike.
class Oracle final : public tunnel::Control {
 public:
  asio::awaitable<Result<tunnel::ReachAnswer>> reach(Endpoint to) override {
    asked = to.to_string();
    if (to.host() == "denied.test") co_return make_error_code(Errc::destination_denied);
    tunnel::ReachAnswer answer;
    answer.name = tunnel::ReachAnswer::Name::not_found;
    co_return answer;
  }
  std::string asked;
};

struct QuicRig {
  explicit QuicRig(asio::io_context& context, tunnel::TunnelDialerOptions client = {},
                   quic::ListenerOptions bridge_options = {})
      : io(context), egress(io.get_executor()), echoes(io.get_executor()), sessions(io.get_executor()) {
    users.known = {some_user(1)};
    options = bridge_options;
    options.public_key.fill(3);
    options.secret.fill(4);
    start_bridge();
    line = std::make_unique<test::UdpLine>(io, port);
    dialer_options = client;
    make_client(some_user(1));
  }
  ~QuicRig() {
    if (listener) listener->stop();
  }

  void start_bridge() {
    listener = std::make_unique<quic::Listener>(
        io.get_executor(), options, users, replays, counters,
        [this](const asio::ip::address&) -> std::shared_ptr<void> {
          ++admitted;
          return admits ? std::make_shared<int>(0) : nullptr;
        },
        [this](std::unique_ptr<quic::ServedSession> session) {
          if (serves) sessions.spawn(serve(std::move(session)));
        });
    const auto bound = listener->listen({asio::ip::make_address("127.0.0.1"), port});
    REQUIRE(bound.has_value());
    port = bound->port();
  }

  void make_client(const UserKey& user, std::uint8_t key = 3) {
    TransportSpec spec{"quic", line->port(), {}};
    BridgeIdentity bridge;
    bridge.hosts = {"127.0.0.1"};
    bridge.public_key.fill(key);
    bridge.user = user;
    std::string why;
    auto made = quic::make_dialer(spec, bridge, io.get_executor(), std::make_shared<SystemResolver>(), why);
    REQUIRE(made.has_value());
    dialer.reset();
    made_by = std::move(*made);
    dialer = std::make_unique<tunnel::TunnelDialer>(io.get_executor(), *made_by, dialer_options);
  }

  asio::awaitable<void> serve(std::unique_ptr<quic::ServedSession> session) {
    const auto done = co_await session->serve(egress, served, user_bytes, drain, &oracle, &echoes);
    ended.push_back(done ? error_code() : done.error());
  }

  asio::awaitable<StreamPtr> dial(const char* to) {
    auto stream = co_await dialer->dial(*Endpoint::parse(to));
    REQUIRE(stream.has_value());
    co_return std::move(*stream);
  }

  // Says a word to an echo and waits for it; how long that took, or -1 ms.
  asio::awaitable<std::chrono::milliseconds> echo(std::string word = "hello") {
    const auto begun = Clock::now();
    const auto stream = co_await dial("echo.test:443");
    (void)co_await stream->write_all(asio::buffer(word));
    std::string back(word.size(), '\0');
    const auto got = co_await stream->read_exactly(asio::buffer(back));
    if (!got || back != word) co_return -1ms;
    co_return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
  }

  // Down and up, as many bytes each; whether all of them came, and only they.
  asio::awaitable<bool> carries(std::uint64_t bytes) {
    egress.source_bytes = bytes;
    const auto down = co_await dial("source.test:1");
    const auto got = co_await test::check_pattern(*down);
    const auto up = co_await dial("sink.test:1");
    co_await test::send_pattern(*up, bytes);
    std::string word(64, '\0');
    const auto n = co_await up->read_some(asio::buffer(word));
    co_return got == static_cast<std::int64_t>(bytes) && n&& word.starts_with("ok");
  }

  asio::awaitable<void> close() {
    co_await dialer->close();
    listener->stop();
    sessions.cancel();
    co_await sessions.join();
    egress.tasks.cancel();
    co_await egress.tasks.join();
  }

  asio::io_context& io;
  QuicUsers users;
  https::ReplaySet replays;
  quic::ListenerOptions options;
  quic::ListenerCounters counters;
  tunnel::ServeCounters served;
  std::atomic<std::uint64_t> user_bytes{0};
  std::atomic<bool> drain{false};
  test::ScriptedEgress egress;
  test::Echoes echoes;
  Oracle oracle;
  int admitted = 0;
  bool admits = true;
  bool serves = true;             // else sessions are dropped at once
  std::vector<error_code> ended;  // how sessions did at the bridge
  TaskGroup sessions;
  std::uint16_t port = 0;
  std::unique_ptr<quic::Listener> listener;
  std::unique_ptr<test::UdpLine> line;
  tunnel::TunnelDialerOptions dialer_options;
  std::unique_ptr<tunnel::SessionDialer> made_by;
  std::unique_ptr<tunnel::TunnelDialer> dialer;
};

inline void run(std::function<asio::awaitable<void>(QuicRig&)> body,
                tunnel::TunnelDialerOptions client = {}) {
  test::run([&](asio::io_context& io) -> asio::awaitable<void> {
    const auto whole = [](asio::io_context& context, auto part,
                          tunnel::TunnelDialerOptions with) -> asio::awaitable<void> {
      QuicRig rig(context, with);
      co_await part(rig);
      co_await rig.close();
    };
    return whole(io, body, client);
  });
}

}  // namespace surang::quic_rig
