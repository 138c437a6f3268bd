// Which lane the pool goes by, over days of simulated time: on each network what works there, round a block
// in the middle of a session, back to the better one, and without a flood in an outage.
#include <doctest.h>

#include "tests/unit/client/bridges/simulated/computer.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::pool_test;

TEST_CASE("the better lane is asked first, and with it blocked the next works within seconds") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    CHECK(co_await c.w.fetch() == "hello");
    co_await test::sleep_for(1s);
    CHECK(c.w.preferred() == "a@home");
    CHECK(c.w.b.connects == 0);
    co_await c.w.end();

    Computer d(e);
    Computer::block(d.w.a);
    const auto begun = Clock::now();
    CHECK(co_await d.w.fetch() == "hello");
    CHECK(Clock::now() - begun < 1s);
    CHECK(d.w.preferred() == "b@home");
    co_await test::sleep_for(6s);
    CHECK(d.lane(0).blocked_since > 0);  // the other one works: it is not the network
    CHECK(d.lane(0).retry_in > 50s);
    CHECK(d.lane(1).blocked_since == 0);
    co_await d.w.end();
  });
}

TEST_CASE("what is known is of one network, and outlives the program") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    const auto memory = std::make_shared<LaneStore>();
    Computer c(e, memory);
    Computer::block(c.w.a);
    co_await c.browse(20s);
    CHECK(c.w.preferred() == "b@home");
    Computer::free(c.w.a);
    c.go_to("another");
    c.w.b.sessions.cancel();
    const int before = c.w.a.connects;
    co_await c.browse(20s);
    CHECK(c.w.preferred() == "a@home");  // nothing was known there
    CHECK(c.w.a.connects == before + 1);
    CHECK(c.lane(0).blocked_since == 0);
    co_await c.w.end();

    Computer d(e, memory);
    Computer::block(d.w.a);
    const auto begun = Clock::now();
    CHECK(co_await d.w.fetch() == "hello");
    CHECK(Clock::now() - begun < 100ms);
    CHECK(d.w.a.connects == 0);  // b worked on "one"
    co_await d.browse(20s);
    CHECK(d.w.a.connects >= 1);  // the better one is looked after all the same
    CHECK(d.w.preferred() == "b@home");
    co_await d.w.end();
  });
}

TEST_CASE("a session that vanishes in use is left within two round trips and half a second, unnoticed") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    co_await c.browse(10s);
    const int a_before = c.w.a.connects;
    Computer::block(c.w.a);
    const auto begun = Clock::now();
    CHECK(co_await c.w.fetch("asked.test", "GET it") == "hello");
    CHECK(Clock::now() - begun < 600ms);
    CHECK(c.w.b.greeter.heard == "GET it");
    CHECK(c.w.preferred() == "b@home");
    CHECK(c.w.a.connects == a_before + 1);  // a new session of its own had its chance beside it
    const auto next = Clock::now();
    CHECK(co_await c.w.fetch() == "hello");
    CHECK(Clock::now() - next < 10ms);
    co_await test::sleep_for(6s);
    CHECK(c.lane(0).blocked_since > 0);
    co_await c.w.end();
  });
}

TEST_CASE("a session of fronted goes on when its way was away for seconds, another's has ended") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    for (const std::string transport : {"fronted", "a"}) {
      World w(e);
      const auto link = share_link("home", {transport});
      w.pool.set_bridges({link});
      CHECK(co_await w.fetch() == "hello");
      const Endpoint to("drip.test", 443);
      const auto stream = co_await w.pool.dial(to);
      REQUIRE(stream.has_value());
      std::string got(20, '\0');
      const auto before = co_await (*stream)->read_exactly(asio::buffer(got));
      CHECK(before.has_value());
      w.a.line.set(Line::State::held);
      const auto unanswered = co_await w.pool.dial(to);
      co_await test::sleep_for(5s);
      w.a.line.set(Line::State::open);
      const auto after = co_await (*stream)->read_exactly(asio::buffer(got));
      CHECK(after.has_value() == (transport == "fronted"));
      co_await test::sleep_for(1s);
      CHECK(co_await w.fetch() == "hello");
      co_await w.end();
    }
  });
}

TEST_CASE("the longer the way the longer is waited, and no more than two round trips and half a second") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    for (const auto round_trip : {20ms, 150ms, 600ms}) {
      Computer c(e);
      c.w.a.line.round_trip = c.w.b.line.round_trip = round_trip;
      co_await c.browse(10s);
      CHECK(c.w.preferred() == "a@home");
      CHECK(c.w.b.connects <= (round_trip > 400ms ? 1 : 0));
      Computer::block(c.w.a);
      const auto begun = Clock::now();
      CHECK(co_await c.w.fetch("asked.test", "GET it") == "hello");
      // The other lane connects, shows that it works, and carries the request: three round trips.
      CHECK(Clock::now() - begun <= 2 * round_trip + 500ms + 3 * round_trip + 5ms);
      CHECK(Clock::now() - begun >= 5 * round_trip);
      CHECK(c.w.preferred() == "b@home");
      co_await c.w.end();
    }
  });
}

TEST_CASE("bytes that trickle in are not enough: a crawl is left, and its session not cut") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    c.w.a.line.round_trip = c.w.b.line.round_trip = 50ms;
    co_await c.browse(10s);
    const Endpoint to("drip.test", 443);
    auto old = co_await c.w.pool.dial(to);
    REQUIRE(old.has_value());
    char drop;
    CHECK(co_await (*old)->read_some(asio::buffer(&drop, 1)));
    c.w.a.line.round_trip = 8s;  // for what is said from now on; the drops go on coming
    const auto begun = Clock::now();
    CHECK(co_await c.w.fetch("asked.test", "GET it") == "hello");
    CHECK(Clock::now() - begun < 3s);
    CHECK(c.w.preferred() == "b@home");
    co_await test::sleep_for(20s);
    CHECK((co_await (*old)->read_some(asio::buffer(&drop, 1))).value() == 1);
    CHECK(c.w.a.greeter.dials == 4);  // the request of before reached it too late to matter
    old->reset();
    co_await c.w.end();
  });
}

TEST_CASE("the better lane is tried again while the pool is used, and comes back when it answers twice") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    co_await c.browse(10s);
    Computer::block(c.w.a);
    co_await c.browse(30s);
    CHECK(c.w.preferred() == "b@home");
    const int while_used = c.w.a.connects;
    co_await test::sleep_for(3h);  // nobody is about: nothing is tried
    CHECK(c.w.a.connects <= while_used + 2);
    co_await c.browse(60s);
    CHECK(c.w.preferred() == "b@home");
    const int tried = c.w.a.connects;
    co_await c.browse(20min);
    CHECK(c.w.a.connects - tried >= 2);
    CHECK(c.w.a.connects - tried <= 8);  // ever more rarely
    Computer::free(c.w.a);
    const int b_before = c.w.b.connects;
    co_await c.browse(11min);
    CHECK(c.w.preferred() == "a@home");
    CHECK(c.lane(0).blocked_since == 0);
    CHECK(c.lane(1).tunnel.open_streams == 0);
    CHECK(c.lane(1).tunnel.live == false);  // it was left
    CHECK(c.w.b.connects == b_before);
    co_await c.w.end();
  });
}

TEST_CASE("another network is reason to try the better lane at once") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    Computer::block(c.w.a);
    co_await c.browse(10min);
    CHECK(c.w.preferred() == "b@home");
    Computer::free(c.w.a);
    c.go_to("another");
    co_await c.browse(15s);
    CHECK(c.w.preferred() == "a@home");
    co_await c.w.end();
  });
}

TEST_CASE("a lane that works when it is asked and dies when it is used is asked ever more rarely") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    co_await c.browse(10s);
    std::vector<Clock::duration> away;
    for (int i = 0; i < 5; ++i) {
      Computer::block(c.w.a);
      co_await c.browse(5s);
      CHECK(c.w.preferred() == "b@home");
      Computer::free(c.w.a);
      const auto since = Clock::now();
      while (c.w.preferred() != "a@home" && Clock::now() - since < 2h) co_await c.browse(5s);
      away.push_back(Clock::now() - since);
    }
    for (std::size_t i = 1; i < away.size(); ++i) CHECK(away[i] > away[i - 1] * 3 / 2);
    CHECK(away.front() < 80s);
    CHECK(away.back() < 61min);
    co_await c.w.end();
  });
}

TEST_CASE("a lane whose every session dies soon is left for one that lasts") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    co_await c.browse(10s);
    for (int i = 0; i < 3; ++i) {
      CHECK(c.w.preferred() == "a@home");
      c.w.a.sessions.cancel();  // reset, and there again
      co_await c.w.a.sessions.join();
      co_await c.browse(20s);
    }
    CHECK(c.w.preferred() == "b@home");
    co_await c.browse(3min);
    CHECK(c.w.preferred() == "a@home");
    co_await c.w.end();
  });
}

TEST_CASE("a lane that is slow to begin with is not blocked") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    c.w.a.takes = 1200ms;
    CHECK(co_await c.w.fetch() == "hello");
    CHECK(c.w.preferred() == "b@home");
    co_await c.browse(10s);
    CHECK(c.w.preferred() == "a@home");
    CHECK(c.w.a.connects == 1);
    CHECK(c.lane(0).blocked_since == 0);
    co_await c.w.end();
  });
}

TEST_CASE(
    "the first bytes travel in the first flight with other lanes about, but what may be said once waits") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    c.w.a.mood = Mood::mute;  // connected, and says nothing
    CHECK(co_await c.w.fetch("asked.test", "GET " + std::string(2000, 'x')) == "hello");
    CHECK(c.w.a.first_write > 2000);
    CHECK(c.w.b.greeter.heard.starts_with("GET x"));
    co_await c.w.end();

    Computer d(e);
    d.w.a.mood = Mood::mute;
    CHECK(co_await d.w.fetch("asked.test", "POST " + std::string(2000, 'x')) == "hello");
    CHECK(d.w.a.first_write < 2000);
    co_await d.w.end();
  });
}

TEST_CASE("an outage in the middle of use blames no lane and costs an attempt a second") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    co_await c.browse(10s);
    Computer::block(c.w.a);
    Computer::block(c.w.b);
    const int before = c.w.a.connects + c.w.b.connects;
    TaskGroup browser(e);
    const auto visit = [](World& w) -> asio::awaitable<void> { (void)co_await w.fetch("site.test", "GET"); };
    for (int i = 0; i < 600; ++i) {
      browser.spawn(visit(c.w));
      co_await test::sleep_for(100ms);
    }
    CHECK(c.w.a.connects + c.w.b.connects - before <= 65);
    CHECK(c.lane(0).blocked_since == 0);
    CHECK(c.lane(1).blocked_since == 0);
    Computer::free(c.w.a);
    Computer::free(c.w.b);
    co_await test::sleep_for(8s);
    CHECK(co_await c.w.fetch() == "hello");
    browser.cancel();
    co_await browser.join();
    co_await c.w.end();
  });
}
