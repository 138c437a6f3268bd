// What becomes of requests whose lane falls silent, drains or is reset: what is said again by another, and
// what is not.
#include <doctest.h>

#include "tests/unit/client/bridges/simulated/computer.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::pool_test;

TEST_CASE("what may be said once is not said by a second lane, and what says nothing goes over") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    co_await c.browse(10s);
    Computer::block(c.w.a);
    TaskGroup beside(e);
    std::string posted, listened;
    beside.spawn(fetch_into(c.w, "asked.test", "POST it", posted));
    beside.spawn(fetch_into(c.w, "site.test", "", listened));
    co_await test::sleep_for(1s);
    CHECK(listened == "hello");
    CHECK(posted.empty());
    co_await beside.join();
    CHECK(posted == make_error_code(Errc::timed_out).message());  // when its session is known to be dead
    CHECK(c.w.a.greeter.heard + c.w.b.greeter.heard == "");
    CHECK(c.w.b.greeter.dials == 1);
    co_await c.w.end();
  });
}

TEST_CASE("what a bridge that takes no more has not looked at is said to another session, whatever it is") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    co_await c.browse(10s);
    c.w.a.drain = true;
    c.w.a.line.set(Line::State::held);
    TaskGroup beside(e);
    std::string got;
    co_await test::sleep_for(2500ms);  // it has said so by now, and is not heard
    beside.spawn(fetch_into(c.w, "asked.test", "POST it", got));
    co_await test::sleep_for(400ms);
    CHECK(got.empty());
    c.w.a.drain = false;
    Computer::free(c.w.a);
    co_await beside.join();
    CHECK(got == "hello");
    CHECK(c.w.a.greeter.heard + c.w.b.greeter.heard == "POST it");
    co_await c.w.end();
  });
}

TEST_CASE("a session that is reset is followed by another without an error") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    co_await c.browse(10s);
    TaskGroup beside(e);
    std::string got;
    beside.spawn(fetch_into(c.w, "slow.test", "GET", got));
    co_await test::sleep_for(1s);
    c.w.a.mood = Mood::refuses;
    c.w.a.sessions.cancel();
    co_await c.w.a.sessions.join();
    co_await test::sleep_for(10ms);
    CHECK(c.w.preferred() == "b@home");
    co_await beside.join();
    CHECK(got == "hello");
    CHECK(c.w.b.greeter.dials == 1);
    CHECK(c.lane(0).blocked_since > 0);
    co_await c.w.end();
  });
}

TEST_CASE("a slow site is not taken for a silent bridge, nor a short pause for a dead one") {
  simulate([](asio::any_io_executor e) -> asio::awaitable<void> {
    Computer c(e);
    co_await c.browse(10s);
    CHECK(co_await c.w.fetch("slow.test", "GET") == "hello");
    CHECK(c.w.a.connects == 1);
    CHECK(c.w.b.connects == 0);
    // Everything stands still for a second, and goes on.
    c.w.a.line.set(Line::State::held);
    c.w.b.line.set(Line::State::held);
    TaskGroup beside(e);
    std::string got;
    beside.spawn(fetch_into(c.w, "asked.test", "GET", got));
    co_await test::sleep_for(1s);
    CHECK(got.empty());
    c.w.a.line.set(Line::State::open);
    c.w.b.line.set(Line::State::open);
    co_await beside.join();
    CHECK(got == "hello");
    CHECK(c.w.a.greeter.heard + c.w.b.greeter.heard == "GET");
    CHECK(c.w.preferred() == "a@home");
    CHECK(c.lane(0).blocked_since == 0);
    co_await c.w.end();
  });
}
