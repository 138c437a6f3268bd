// quic on lines that are long, lossy, change or fall silent.
#include "tests/unit/transports/quic/quic_rig.hpp"

using namespace surang;
using namespace surang::quic_rig;

TEST_CASE("first bytes take one round trip by a session, two without, and one by early data") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.line->delay = 100ms;
    const auto cold = co_await rig.echo();
    CHECK(cold >= 390ms);
    CHECK(cold < 500ms);
    const auto warm = co_await rig.echo();
    CHECK(warm >= 195ms);
    CHECK(warm < 280ms);
    co_await sleep_for(250ms);
    rig.dialer->retire();
    co_await sleep_for(50ms);
    const auto early = co_await rig.echo();
    CHECK(rig.dialer->status().sessions == 2);
    CHECK(early >= 195ms);
    CHECK(early < 280ms);
  });
}

TEST_CASE("what was said early is said again to a bridge that does not take it") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    auto works = co_await rig.echo();
    CHECK(works >= 0ms);
    co_await sleep_for(50ms);
    rig.dialer->retire();
    rig.listener->stop();
    rig.sessions.cancel();
    co_await rig.sessions.join();
    rig.options.secret.fill(9);  // which opens no ticket of before
    rig.start_bridge();
    works = co_await rig.echo(std::string(30'000, 'e'));
    CHECK(works >= 0ms);
  });
}

TEST_CASE("loss and distance cost time, and no byte") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.line->delay = 5ms;
    rig.line->loss = 0.05;
    const bool whole = co_await rig.carries(3'000'000);
    CHECK(whole);
  });
}

TEST_CASE("a download goes on when the computer's address changes") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.line->delay = 5ms;
    rig.egress.source_bytes = 30'000'000;
    const auto down = co_await rig.dial("source.test:1");
    std::string some(100'000, '\0');
    auto read = co_await down->read_exactly(asio::buffer(some));
    REQUIRE(read.has_value());
    CHECK(rig.line->clients() == 1);
    CHECK(rig.dialer->start_afresh());
    std::uint64_t total = some.size();
    bool right = true;
    for (std::vector<std::uint8_t> block(64 * 1024);;) {
      const auto n = co_await down->read_some(asio::buffer(block));
      REQUIRE(n.has_value());
      if (*n == 0) break;
      for (std::size_t i = 0; i < *n; ++i) right = right && block[i] == test::pattern(total + i);
      total += *n;
    }
    CHECK(right);
    CHECK(total == 30'000'000);
    CHECK(rig.line->clients() == 2);
    CHECK(rig.dialer->status().sessions == 1);
  });
}

TEST_CASE("a bridge that falls silent is noticed by what is sent to it") {
  tunnel::TunnelDialerOptions options;
  options.dead_peer_limit = 1s;
  run(
      [](QuicRig& rig) -> asio::awaitable<void> {
        const auto stream = co_await rig.dial("echo.test:1");
        (void)co_await stream->write_all(asio::buffer("x", 1));
        std::string word(1, '\0');
        auto n = co_await stream->read_some(asio::buffer(word));
        REQUIRE(n.has_value());
        rig.line->cut = true;
        (void)co_await stream->write_all(asio::buffer("y", 1));
        const auto begun = Clock::now();
        n = co_await stream->read_some(asio::buffer(word));
        REQUIRE(n.has_error());
        CHECK(n.error() == Errc::timed_out);
        CHECK(Clock::now() - begun < 4s);
        co_await sleep_for(50ms);
        CHECK(rig.dialer->status().failures == 1);
      },
      options);
}

TEST_CASE("a session that was idle for longer than a silence may last is as good as before") {
  tunnel::TunnelDialerOptions options;
  options.dead_peer_limit = 1s;
  run(
      [](QuicRig& rig) -> asio::awaitable<void> {
        rig.line->delay = 20ms;
        for (int i = 0; i < 3; ++i) {
          const bool whole = co_await rig.carries(300'000);
          CHECK(whole);
          co_await sleep_for(1700ms);
        }
        const auto works = co_await rig.echo();
        CHECK(works >= 0ms);
        CHECK(rig.dialer->status().sessions == 1);
        CHECK(rig.dialer->status().failures == 0);
      },
      options);
}

TEST_CASE("where nothing answers a dial ends within its limit") {
  tunnel::TunnelDialerOptions options;
  options.connect_limit = 1s;
  run(
      [](QuicRig& rig) -> asio::awaitable<void> {
        rig.line->cut = true;
        const auto begun = Clock::now();
        const auto answer = co_await rig.dialer->check(3s);
        CHECK(answer.has_error());
        CHECK(Clock::now() - begun < 2500ms);
      },
      options);
}

TEST_CASE("a port that nobody listens on is known at once") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.listener->stop();
    BridgeIdentity bridge;
    bridge.hosts = {"127.0.0.1"};
    bridge.user = some_user(1);
    std::string why;
    auto made = quic::make_dialer({"quic", rig.port, {}}, bridge, rig.io.get_executor(),
                                  std::make_shared<SystemResolver>(), why);
    REQUIRE(made.has_value());
    tunnel::TunnelDialer alone(rig.io.get_executor(), **made, {});
    const auto begun = Clock::now();
    const auto answer = co_await alone.check(5s);
    REQUIRE(answer.has_error());
    CHECK(answer.error() == Errc::no_route);
    CHECK(Clock::now() - begun < 1s);
    co_await alone.close();
  });
}

TEST_CASE("of two addresses the one that answers is taken") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    BridgeIdentity bridge;
    bridge.hosts = {"127.0.0.9", "127.0.0.1"};  // nothing is sent back from the first
    bridge.public_key.fill(3);
    bridge.user = some_user(1);
    asio::ip::udp::socket silent(rig.io, {asio::ip::make_address("127.0.0.9"), rig.port});
    std::string why;
    auto made = quic::make_dialer({"quic", rig.port, {}}, bridge, rig.io.get_executor(),
                                  std::make_shared<SystemResolver>(), why);
    REQUIRE(made.has_value());
    tunnel::TunnelDialer both(rig.io.get_executor(), **made, {});
    const auto answer = co_await both.check(5s);
    CHECK(answer.has_value());
    co_await both.close();
  });
}
