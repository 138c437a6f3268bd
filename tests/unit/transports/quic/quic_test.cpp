// quic from end to end over loopback: what goes through it.
#include "tests/unit/transports/quic/quic_rig.hpp"

using namespace surang;
using namespace surang::quic_rig;
using test::hear;
using test::send;

TEST_CASE("a stream carries bytes both ways and its end") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    const bool whole = co_await rig.carries(20'000'000);
    CHECK(whole);
    CHECK(rig.served.bytes_up >= 20'000'000);
    CHECK(rig.served.bytes_down >= 20'000'000);
    CHECK(rig.user_bytes >= 40'000'000);
    CHECK(rig.dialer->status().bytes_down >= 20'000'000);
    CHECK(rig.dialer->status().sessions == 1);
    CHECK(rig.counters.users == 1);
    CHECK(rig.counters.strangers == 0);
  });
}

TEST_CASE("what the bridge cannot reach shows as the error that it is") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    for (const auto& [to, what] : {std::pair{"refused.test:1", Errc::destination_refused},
                                   std::pair{"nowhere.test:1", Errc::destination_not_found},
                                   std::pair{"denied.test:1", Errc::destination_denied},
                                   std::pair{"late.test:1", Errc::destination_timed_out},
                                   std::pair{"unreachable.test:1", Errc::destination_unreachable}}) {
      const auto stream = co_await rig.dial(to);
      std::string word(1, '\0');
      const auto n = co_await stream->read_some(asio::buffer(word));
      REQUIRE(n.has_error());
      CHECK(n.error() == what);
    }
    const auto reset = co_await rig.dial("reset.test:1");
    (void)co_await reset->write_all(asio::buffer("x", 1));
    std::string word(1, '\0');
    const auto n = co_await reset->read_some(asio::buffer(word));
    CHECK(n.has_error());
    const auto works = co_await rig.echo();
    CHECK(works >= 0ms);
  });
}

TEST_CASE("datagrams of any size go to any peers and come back by one flow") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    auto opened = co_await rig.dialer->open();
    REQUIRE(opened.has_value());
    auto flow = std::move(*opened);
    send(*flow, "a.test:53", "one");
    auto heard = co_await hear(*flow);
    CHECK(heard == "192.0.2.7:53 one");
    send(*flow, "[2001:db8::1]:443", std::string(1100, 'x'));
    heard = co_await hear(*flow);
    CHECK(heard == "192.0.2.7:443 " + std::string(1100, 'x'));
    // Longer than a packet.
    send(*flow, "198.51.100.1:1", std::string(60000, 'y'));
    heard = co_await hear(*flow);
    CHECK(heard == "192.0.2.7:1 " + std::string(60000, 'y'));
    CHECK(rig.echoes.last_peer == "198.51.100.1:1");
    CHECK(rig.echoes.opened == 1);
    flow.reset();
    co_await sleep_for(100ms);
    CHECK(rig.echoes.ended == 1);
    rig.echoes.refuses = true;
    auto refused = co_await rig.dialer->open();
    REQUIRE(refused.has_value());
    heard = co_await hear(**refused);
    CHECK(heard.starts_with("!"));
  });
}

TEST_CASE("the bridge is asked whether it lives, and what a destination is like") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    const auto rtt = co_await rig.dialer->check(2s);
    REQUIRE(rtt.has_value());
    CHECK(*rtt < 1s);
    CHECK(rig.dialer->status().live);
    CHECK(rig.dialer->status().open_streams == 0);
    const auto seen = co_await rig.dialer->reach(*Endpoint::parse("site.test:443"));
    REQUIRE(seen.has_value());
    CHECK(seen->name == tunnel::ReachAnswer::Name::not_found);
    CHECK(rig.oracle.asked == "site.test:443");
    const auto denied = co_await rig.dialer->reach(*Endpoint::parse("denied.test:443"));
    REQUIRE(denied.has_error());
    CHECK(denied.error() == Errc::destination_denied);
  });
}

TEST_CASE("many streams at once, each whole, and one that nobody reads holds up none") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.egress.source_bytes = 1'000'000;
    const auto unread = co_await rig.dial("source.test:1");
    TaskGroup tasks(rig.io.get_executor());
    int whole = 0;
    const auto fetch = [](QuicRig& r, int& count) -> asio::awaitable<void> {
      const auto stream = co_await r.dial("source.test:1");
      const auto got = co_await test::check_pattern(*stream);
      count += got == 1'000'000;
    };
    for (int i = 0; i < 40; ++i) tasks.spawn(fetch(rig, whole));
    co_await tasks.join();
    CHECK(whole == 40);
    CHECK(rig.dialer->status().open_streams == 1);
  });
}

TEST_CASE("a bridge that drains takes no more, and the session ends with its last stream") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.dialer_options = {};
    const auto first = co_await rig.dialer->check(2s);
    REQUIRE(first.has_value());
    auto held = co_await rig.dial("echo.test:1");
    rig.drain = true;
    co_await sleep_for(1500ms);
    (void)co_await held->write_all(asio::buffer("still", 5));
    std::string word(5, '\0');
    const auto got = co_await held->read_exactly(asio::buffer(word));
    CHECK(got.has_value());
    CHECK(!rig.dialer->status().live);
    CHECK(rig.ended.empty());
    held.reset();
    co_await sleep_for(1500ms);
    REQUIRE(rig.ended.size() == 1);
    CHECK(!rig.ended[0]);
  });
}

TEST_CASE("a session that the bridge does not want ends at once, and harms nothing") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.serves = false;
    const auto refused = co_await rig.dialer->check(3s);
    CHECK(refused.has_error());
    rig.serves = true;
    const auto works = co_await rig.echo();
    CHECK(works >= 0ms);
  });
}

TEST_CASE("who reads a download no more is sent no more, and its destination is left") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.egress.source_bytes = 4'000'000'000;
    for (const bool abort : {false, true}) {
      const auto down = co_await rig.dial("source.test:1");
      std::string some(1'000'000, '\0');
      const auto read = co_await down->read_exactly(asio::buffer(some));
      REQUIRE(read.has_value());
      CHECK(rig.egress.tasks.size() == 1);
      (void)co_await down->shutdown_write();
      down->close(abort);
      for (int i = 0; i < 50 && rig.egress.tasks.size() > 0; ++i) co_await sleep_for(100ms);
      CHECK(rig.egress.tasks.size() == 0);
    }
    const auto works = co_await rig.echo();
    CHECK(works >= 0ms);
  });
}
