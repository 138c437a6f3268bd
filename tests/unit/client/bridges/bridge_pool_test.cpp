#include <doctest.h>

#include "tests/support/flow_words.hpp"
#include "tests/unit/client/bridges/pool_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::pool_test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

const std::string kNoRoute = make_error_code(Errc::no_route).message();

}  // namespace

TEST_CASE("the pool uses one session for all, and says what it cannot use") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor());
    CHECK(co_await w.fetch() == kNoRoute);
    const auto problems = w.pool.set_bridges({share_link("home", {"a", "carrier-pigeon"})});
    REQUIRE(problems.size() == 1);
    CHECK(problems[0] == "bridge home: carrier-pigeon cannot be used: unknown");
    for (int i = 0; i < 5; ++i) CHECK(co_await w.fetch() == "hello");
    CHECK(w.a.connects == 1);
    for (int i = 0; i < 1000 && w.preferred() != "a@home"; ++i) co_await test::sleep_for(10ms);
    CHECK(w.preferred() == "a@home");
    co_await w.end();
  });
}

TEST_CASE("a lane that refuses or is silent loses to the next, which is then preferred") {
  for (const auto mood : {Mood::refuses, Mood::silent})
    test::run([mood](asio::io_context& io) -> asio::awaitable<void> {
      World w(io.get_executor());
      w.a.mood = mood;
      w.pool.set_bridges({share_link("home", {"a", "b"})});
      const auto begin = Clock::now();
      CHECK(co_await w.fetch() == "hello");
      CHECK(Clock::now() - begin < 5s);
      CHECK(w.preferred() == "b@home");
      CHECK(co_await w.fetch() == "hello");
      CHECK(w.b.connects == 1);
      co_await w.end();
    });
}

TEST_CASE("an outage costs few attempts, fails fast, and ends when the bridge is back") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor());
    w.pool.set_bridges({share_link("home", {"a", "b"})});
    CHECK(co_await w.fetch() == "hello");
    w.a.mood = w.b.mood = Mood::refuses;
    w.a.sessions.cancel();
    co_await w.a.sessions.join();
    const int before = w.a.connects + w.b.connects;
    const auto begin = Clock::now();
    while (Clock::now() - begin < 1500ms) {
      const auto asked = Clock::now();
      CHECK(co_await w.fetch() == kNoRoute);
      CHECK(Clock::now() - asked < 5s);
    }
    const int attempts = w.a.connects + w.b.connects - before;
    CHECK(attempts >= 2);
    CHECK(attempts <= 2 + 1500 / 200 + 2);  // the first search, then one per pause
    w.a.mood = Mood::up;
    const auto back = Clock::now();
    std::string got;
    while (got != "hello" && Clock::now() - back < 20s) got = co_await w.fetch();
    CHECK(got == "hello");
    CHECK(Clock::now() - back < 10s);
    co_await w.end();
  });
}

TEST_CASE("a lost session is made again before the next use") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor());
    w.pool.set_bridges({share_link("home", {"a"})});
    CHECK(co_await w.fetch() == "hello");
    w.a.sessions.cancel();
    co_await w.a.sessions.join();
    for (int i = 0; i < 1000 && !(w.a.connects == 2 && w.pool.status()[0].tunnel.live); ++i)
      co_await test::sleep_for(10ms);
    CHECK(w.a.connects == 2);
    CHECK(w.pool.status()[0].tunnel.live);
    co_await w.end();
  });
}

TEST_CASE("reloading keeps the sessions of bridges that stay") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor());
    w.pool.set_bridges({share_link("home", {"a"}), share_link("other", {"b"})});
    CHECK(co_await w.fetch() == "hello");
    w.pool.set_bridges({share_link("home", {"a"})});
    CHECK(w.pool.status().size() == 1);
    CHECK(co_await w.fetch() == "hello");
    CHECK(w.a.connects == 1);
    w.pool.set_bridges({share_link("other", {"b"})});
    CHECK(co_await w.fetch() == "hello");
    for (int i = 0; i < 1000 && w.preferred() != "b@other"; ++i) co_await test::sleep_for(10ms);
    CHECK(w.preferred() == "b@other");
    w.pool.set_bridges({});
    CHECK(co_await w.fetch() == kNoRoute);
    co_await w.end();
  });
}

TEST_CASE("the first bytes through the only lane travel before it has shown that it works") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor());
    w.pool.set_bridges({share_link("home", {"a"})});
    w.a.mood = Mood::mute;  // connected, and says nothing
    const Endpoint to("site.test", 443);
    auto early = co_await w.pool.dial(to);
    REQUIRE(early.has_value());
    CHECK((co_await (*early)->write_all(asio::buffer("first", 5))).has_value());
    CHECK(w.pool.status()[0].tunnel.live == false);
    for (int i = 0; i < 1000 && w.a.first_write == 0; ++i) co_await test::sleep_for(10ms);
    CHECK(w.a.first_write > 5);
    early->reset();
    co_await w.end();
  });
}

TEST_CASE("a session that does not answer when asked is ended, and the next dial has another") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor(), 0s);  // every use asks
    w.pool.set_bridges({share_link("home", {"a"})});
    CHECK(co_await w.fetch() == "hello");
    for (int i = 0; i < 1000 && !w.pool.status()[0].preferred; ++i) co_await test::sleep_for(1ms);
    w.a.swallow = true;
    const Endpoint to("site.test", 443);
    auto dead = co_await w.pool.dial(to);
    REQUIRE(dead.has_value());
    char byte;
    const auto got = co_await (*dead)->read_some(asio::buffer(&byte, 1));
    CHECK(got.error() == Errc::timed_out);  // long before a write is missed
    w.a.swallow = false;
    std::string again;
    const auto began = Clock::now();
    while (again != "hello" && Clock::now() - began < 20s) again = co_await w.fetch();
    CHECK(again == "hello");
    co_await w.end();
  });
}

namespace {

class Saw : public tunnel::Control {
 public:
  asio::awaitable<Result<tunnel::ReachAnswer>> reach(Endpoint to) override {
    asked.push_back(to.to_string());
    tunnel::ReachAnswer answer;
    answer.name = tunnel::ReachAnswer::Name::not_found;
    co_return answer;
  }
  std::vector<std::string> asked;
};

asio::awaitable<void> fetch_into(World& w, std::string& got) {
  got = co_await w.fetch();
}

}  // namespace

TEST_CASE("a question waits for a session that is being made, and makes none itself") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor());
    Saw saw;
    w.b.control = &saw;
    const Endpoint to("site.test", 443);
    const auto nobody = co_await w.pool.reach(to);
    CHECK(nobody.error() == Errc::no_route);
    w.pool.set_bridges({share_link("home", {"a", "b"})});
    const auto unused = co_await w.pool.reach(to);
    CHECK(unused.error() == Errc::no_route);
    CHECK(w.a.connects + w.b.connects == 0);
    w.a.mood = Mood::refuses;
    TaskGroup browser(io.get_executor());
    std::string got;
    browser.spawn(fetch_into(w, got));
    while (w.b.connects == 0) co_await test::sleep_for(1ms);
    const auto answer = co_await w.pool.reach(to);
    REQUIRE(answer.has_value());
    CHECK(answer->name == tunnel::ReachAnswer::Name::not_found);
    CHECK(saw.asked == std::vector<std::string>{"site.test:443"});
    CHECK(w.b.connects == 1);
    co_await browser.join();
    CHECK(got == "hello");
    // A bridge of before there were questions, as `a` is one.
    w.a.mood = Mood::up;
    w.pool.set_bridges({share_link("home", {"a"})});
    CHECK(co_await w.fetch() == "hello");
    for (int i = 0; i < 1000 && w.preferred() != "a@home"; ++i) co_await test::sleep_for(10ms);
    const auto old = co_await w.pool.reach(to);
    CHECK(old.error() == Errc::protocol);
    co_await w.end();
  });
}

TEST_CASE("a question to a session that is dead without knowing ends when that is found out") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor(), 0s);
    w.pool.set_bridges({share_link("home", {"a"})});
    CHECK(co_await w.fetch() == "hello");
    for (int i = 0; i < 1000 && !w.pool.status()[0].preferred; ++i) co_await test::sleep_for(1ms);
    w.a.swallow = true;
    const auto began = Clock::now();
    const Endpoint to("site.test", 443);
    const auto answer = co_await w.pool.reach(to);
    CHECK(answer.error() == Errc::timed_out);
    CHECK(Clock::now() - began < 8s);
    co_await w.end();
  });
}

TEST_CASE("after a change of network a session is asked at once whether it lives, and made again") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor());
    w.pool.set_bridges({share_link("home", {"a"})});
    w.pool.network_changed();  // nothing is there to ask
    CHECK(co_await w.fetch() == "hello");
    for (int i = 0; i < 1000 && !w.pool.status()[0].preferred; ++i) co_await test::sleep_for(1ms);
    w.pool.network_changed();  // it lives
    co_await test::sleep_for(100ms);
    CHECK(w.a.connects == 1);
    w.a.swallow = true;
    w.pool.network_changed();
    const auto began = Clock::now();
    while (w.a.connects < 2 && Clock::now() - began < 20s) co_await test::sleep_for(10ms);
    CHECK(w.a.connects == 2);  // though nobody dials
    co_await w.end();
  });
}

TEST_CASE("datagrams go by the lane that carries, and their flow ends when that falls silent") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor());
    const auto none = co_await w.pool.open();
    REQUIRE(none.has_error());
    CHECK(none.error() == Errc::no_route);
    w.pool.set_bridges({share_link("home", {"a", "b"})});
    auto flow = co_await w.pool.open();
    REQUIRE(flow.has_value());
    test::send(**flow, "192.0.2.1:9", "one");
    auto heard = co_await test::hear(**flow);
    CHECK(heard == "192.0.2.7:9 one");
    CHECK(w.a.echoes.opened + w.b.echoes.opened == 1);
    auto& silent = w.a.echoes.opened == 1 ? w.a : w.b;
    auto& other = w.a.echoes.opened == 1 ? w.b : w.a;
    silent.line.set(Line::State::lost);
    const auto begun = Clock::now();
    TaskGroup talk(io.get_executor());
    talk.spawn([](DatagramFlow& by) -> asio::awaitable<void> {
      for (;;) {
        test::send(by, "192.0.2.1:9", "more");
        co_await test::sleep_for(50ms);
      }
    }(**flow));
    heard = co_await test::hear(**flow);
    CHECK(heard.starts_with('!'));
    CHECK(Clock::now() - begun < 5s);
    talk.cancel();
    co_await talk.join();
    flow = co_await w.pool.open();
    REQUIRE(flow.has_value());
    test::send(**flow, "192.0.2.1:9", "two");
    heard = co_await test::hear(**flow);
    CHECK(heard == "192.0.2.7:9 two");
    CHECK(other.echoes.opened == 1);
    flow = make_error_code(Errc::closed);
    co_await w.end();
  });
}
