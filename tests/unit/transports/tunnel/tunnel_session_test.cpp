// The sessions under a tunnel: how they are made, shared, lost, drained and followed by others.
#include <doctest.h>

#include "tests/unit/transports/tunnel/tunnel_calls.hpp"
#include "transports/core/timeout.hpp"

using namespace surang;
using namespace surang::tunnel_calls;
using namespace std::chrono_literals;

TEST_CASE("concurrent dials share one connection attempt, failures end with the next") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    rig.connect_takes = 20ms;
    TaskGroup group(io.get_executor());
    int left = 20;
    for (int i = 0; i < 20; ++i) group.spawn(count_down(left, echo_once(rig, i)));
    co_await until([&] { return left == 0; });
    CHECK(rig.connects == 1);
    rig.dialer.retire();
    rig.fail_next = 3;
    for (int i = 0; i < 3; ++i) {
      const auto failed = co_await rig.dialer.dial(Endpoint("echo.test", 443));
      CHECK(failed.error() == Errc::no_route);
    }
    CHECK(rig.dialer.status().last_error == asio::error::connection_refused);
    CHECK(rig.dialer.status().failures == 3);
    co_await echo_once(rig, 1);
    CHECK(rig.connects == 5);
    co_await rig.close();
  });
}

TEST_CASE("a killed bridge fails its streams and the next dial recovers") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    rig.egress.source_bytes = 50'000'000;
    auto stream = co_await must_dial(rig, "source.test");
    char buffer[1000];
    CHECK((co_await stream->read_some(asio::buffer(buffer))).value() > 0);
    rig.kill_bridge();
    std::uint64_t count = 0;
    co_await drain_stream(*stream, count);
    CHECK(count < 50'000'000);
    CHECK((co_await first_error(*stream)) == Errc::no_route);  // of the bridge, not of the site
    co_await echo_once(rig, 2);
    CHECK(rig.connects == 2);
    co_await rig.close();
  });
}

TEST_CASE("a bridge that never says anything is given up in time") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    RigOptions options;
    options.client.connect_limit = 200ms;
    Rig rig(io.get_executor(), options);
    rig.black_hole = true;
    const auto began = std::chrono::steady_clock::now();
    auto stream = co_await must_dial(rig, "echo.test");
    CHECK((co_await first_error(*stream)) == Errc::timed_out);
    CHECK(std::chrono::steady_clock::now() - began < 8s);
    rig.connect_takes = 10s;
    CHECK((co_await rig.dialer.dial(Endpoint("echo.test", 443))).error() == Errc::timed_out);
    CHECK(rig.dialer.status().last_error == Errc::timed_out);
    co_await rig.close();
  });
}

TEST_CASE("a bridge that falls silent under an open stream is noticed") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    RigOptions options;
    options.client.dead_peer_limit = 3s;
    Rig rig(io.get_executor(), options);
    auto stream = co_await must_dial(rig, "echo.test");
    char byte = 'x';
    CHECK((co_await stream->write_all(asio::buffer(&byte, 1))).has_value());
    CHECK((co_await stream->read_some(asio::buffer(&byte, 1))).has_value());
    rig.swallow = true;
    const auto began = std::chrono::steady_clock::now();
    CHECK((co_await stream->write_all(asio::buffer(&byte, 1))).has_value());
    CHECK((co_await first_error(*stream)) == Errc::timed_out);
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK(took > 2900ms);
    CHECK(took < 15s);
    rig.swallow = false;
    co_await echo_once(rig, 1);
    CHECK(rig.connects == 2);
    co_await rig.close();
  });
}

TEST_CASE("check makes a session, proves itself and measures") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    const auto rtt = co_await rig.dialer.check(10s);
    REQUIRE(rtt.has_value());
    CHECK(rtt->count() > 0);
    co_await echo_once(rig, 1);
    CHECK(rig.connects == 1);
    CHECK(rig.counters.refused_proof == 0);
    rig.dialer.retire();
    rig.black_hole = true;
    CHECK((co_await rig.dialer.check(100ms)).error() == Errc::timed_out);
    co_await rig.close();
  });
}

TEST_CASE("draining lets open streams end and takes no new ones") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    auto old = co_await must_dial(rig, "echo.test");
    char byte;
    CHECK((co_await old->write_all(asio::buffer("a", 1))).has_value());
    CHECK((co_await old->read_some(asio::buffer(&byte, 1))).has_value());
    rig.drain = true;
    co_await until([&] { return !rig.dialer.status().live; });
    rig.drain = false;
    co_await echo_once(rig, 1);
    CHECK(rig.connects == 2);
    CHECK((co_await old->write_all(asio::buffer("b", 1))).has_value());
    CHECK((co_await old->shutdown_write()).has_value());
    CHECK((co_await read_all(*old)) == "b");
    old.reset();
    co_await until([&] { return rig.ended.size() == 1; });
    REQUIRE(rig.ended.size() == 1);
    CHECK_MESSAGE(!rig.ended[0], rig.ended[0].message());
    CHECK(rig.dialer.status().failures == 0);
    co_await rig.close();
  });
}

TEST_CASE("what a draining bridge says last arrives whole") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    rig.egress.source_bytes = 3'000'000;
    auto stream = co_await must_dial(rig, "source.test");
    CHECK((co_await stream->shutdown_write()).has_value());
    char byte;
    CHECK((co_await stream->read_some(asio::buffer(&byte, 0))).has_value());
    rig.drain = true;
    co_await test::sleep_for(1500ms);
    CHECK((co_await test::check_pattern(*stream)) == 3'000'000);
    stream.reset();
    co_await until([&] { return rig.ended.size() == 1; });
    CHECK_MESSAGE(!rig.ended.at(0), rig.ended.at(0).message());
    CHECK(rig.dialer.status().failures == 0);
    co_await rig.close();
  });
}

TEST_CASE("an idle session is closed, the next dial makes another") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    RigOptions options;
    options.client.idle_session_limit = 1s;
    Rig rig(io.get_executor(), options);
    co_await echo_once(rig, 1);
    co_await until([&] { return rig.ended.size() == 1; });
    REQUIRE(rig.ended.size() == 1);
    CHECK_MESSAGE(!rig.ended[0], rig.ended[0].message());
    co_await echo_once(rig, 2);
    CHECK(rig.connects == 2);
    CHECK(rig.dialer.status().failures == 0);
    co_await rig.close();
  });
}

TEST_CASE("a full session is followed by another") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    RigOptions options;
    options.server.max_streams = 3;
    Rig rig(io.get_executor(), options);
    co_await echo_once(rig, 1);  // the bridge's SETTINGS are known after this
    std::vector<StreamPtr> open;
    for (int i = 0; i < 5; ++i) {
      open.push_back(co_await must_dial(rig, "echo.test"));
      CHECK((co_await open.back()->write_all(asio::buffer("x", 1))).has_value());
      char byte;
      CHECK((co_await open.back()->read_some(asio::buffer(&byte, 1))).has_value());
    }
    CHECK(rig.connects == 2);
    CHECK(rig.dialer.status().open_streams == 5);
    co_await rig.close();
  });
}

TEST_CASE("a connection that was being made on another network holds nobody up") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    rig.connect_takes = 1h;
    TaskGroup group(io.get_executor());
    error_code old;
    const auto dial = [](Rig& r, error_code& error) -> asio::awaitable<void> {
      const auto stream = co_await r.dialer.dial(Endpoint("echo.test", 443));
      error = stream ? error_code() : stream.error();
    };
    group.spawn(dial(rig, old));
    co_await until([&] { return rig.connects == 1; });
    rig.connect_takes = 0ms;
    rig.dialer.start_afresh();
    co_await echo_once(rig, 1);
    CHECK(rig.connects == 2);
    co_await group.join();
    CHECK(old == Errc::closed);
    rig.dialer.start_afresh();
    co_await echo_once(rig, 2);
    CHECK(rig.connects == 3);
    co_await rig.close();
  });
}

TEST_CASE("a doubted session takes no streams until it is trusted, and keeps those that it has") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    co_await echo_once(rig, 1);
    const auto first = rig.dialer.status().session;
    CHECK(first == 1);
    CHECK((co_await rig.dialer.ping(first, 5s)).has_value());
    auto old = co_await must_dial(rig, "echo.test");
    rig.dialer.doubt();
    CHECK(rig.dialer.status().live == false);
    CHECK(rig.dialer.status().session == 0);
    CHECK(rig.dialer.dial_at_once(Endpoint("echo.test", 443)) == nullptr);
    CHECK((co_await rig.dialer.ping(first, 5s)).has_value());
    CHECK(rig.dialer.heard(first) > std::chrono::steady_clock::time_point{});
    rig.dialer.trust(first);
    CHECK(rig.dialer.status().session == first);
    co_await echo_once(rig, 2);
    CHECK(rig.connects == 1);
    rig.dialer.doubt();
    co_await echo_once(rig, 3);
    CHECK(rig.connects == 2);
    rig.dialer.trust(first);  // too late: it may end
    CHECK(rig.dialer.status().session == 2);
    CHECK((co_await old->write_all(asio::buffer("x", 1))).has_value());
    char byte = 0;
    CHECK((co_await old->read_some(asio::buffer(&byte, 1))).value() == 1);
    rig.dialer.abandon(first);
    CHECK((co_await first_error(*old)) == Errc::timed_out);
    const auto gone = co_await rig.dialer.ping(first, 5s);
    CHECK(!gone);
    co_await echo_once(rig, 4);
    CHECK(rig.connects == 2);
    old.reset();
    co_await rig.close();
  });
}
