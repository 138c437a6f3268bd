// What the router makes of the bridge's answers: fewer probes where a site is down, better names for what is
// wrong, words in `check`; and what it never asks.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> visit_in_vain(Router& router, std::string host, int& errors) {
  const auto gone = co_await visit(router, host);
  errors += gone.error.failed();
}

}  // namespace

TEST_CASE("check says what the bridge sees, and what that means") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["reset.example"] = Shows::reset;
    world.control.insert_or_assign("reset.example", reached_at("93.184.1.10"));
    const auto blocked = co_await router.check("reset.example");
    CHECK(blocked.at("means").as_string() == "blocked");
    CHECK(blocked.at("bridge").at("reaches").as_bool());
    CHECK(blocked.at("bridge").at("saw").at("tls").at("verified").as_bool());
    const auto text = std::string(blocked.at("text").as_string());
    CHECK(text.find("the bridge reaches it at 93.184.1.10, 12 ms; the certificate verifies") != text.npos);
    CHECK(text.find("It is blocked on this network") != text.npos);

    world.direct["down.example"] = Shows::refused;
    world.tunnel["down.example"] = Shows::down;
    world.control.insert_or_assign("down.example", refused_at("93.184.1.11"));
    const auto down = co_await router.check("down.example");
    CHECK(down.at("means").as_string() == "site_down");
    CHECK_FALSE(down.at("bridge").at("reaches").as_bool());

    const auto old = co_await router.check("old.example");  // a bridge that does not know the question
    CHECK(old.at("means").as_string() == "says_nothing");
    CHECK_FALSE(old.at("bridge").as_object().contains("reaches"));
    CHECK(router.convictions().empty());
  });
}

TEST_CASE("check names a lying name server even where something answers as a site would") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    NameAnswer lie;
    lie.addresses = {asio::ip::make_address("203.0.113.9")};
    world.names["lied.example"] = lie;
    world.at_address["203.0.113.9"] = Shows::impostor;
    world.control.insert_or_assign("lied.example", reached_at("93.184.1.10"));
    const auto report = co_await router.check("lied.example");
    CHECK(report.at("means").as_string() == "addresses_differ");
    world.names["lied.example"].addresses = {asio::ip::make_address("93.184.1.10")};
    world.at_address["93.184.1.10"] = Shows::reset;
    const auto honest = co_await router.check("lied.example");
    CHECK(honest.at("means").as_string() == "blocked");
  });
}

TEST_CASE("without a bridge, and of what is local, nobody is asked") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        const auto report = co_await router.check("x.example");
        CHECK_FALSE(report.contains("means"));
        CHECK(world.questions.empty());
      },
      quick_options(), false);
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.pinned.insert("pinned.example");
    for (const auto* host : {"localhost", "10.1.2.3", "pinned.example"}) {
      const auto report = co_await router.check(host);
      CHECK_FALSE(report.contains("means"));
    }
    CHECK(world.questions.empty());
  });
}

TEST_CASE("a site that is down for the bridge as well is not probed after a POST") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    const std::string host = "down.example";
    world.direct[host] = Shows::fin;
    world.control.insert_or_assign(host, refused_at("93.184.1.11"));
    const auto post = co_await visit(router, host, http_flight("POST", host), 80);
    REQUIRE(post.watch);
    post.watch->ended(0, false, {});
    const bool asked = co_await until([&] { return world.questions[host] == 1; });
    CHECK(asked);
    co_await rest(300ms);
    CHECK(world.direct_dials[host] == 1);
    CHECK(world.tunnel_dials[host] == 0);
    CHECK(router.convictions().empty());
    CHECK_FALSE(router.why(host).contains("signal"));
  });
}

TEST_CASE("a site that the bridge reaches, or says nothing of, is probed as ever") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.control.insert_or_assign("up.example", reached_at("93.184.1.10"));
    world.control.insert_or_assign("lost.example", make_error_code(Errc::no_route));
    std::size_t convicted = 0;
    for (const std::string host : {"up.example", "old.example", "lost.example"}) {
      world.direct[host] = Shows::fin;
      const auto post = co_await visit(router, host, http_flight("POST", host), 80);
      REQUIRE(post.watch);
      post.watch->ended(0, false, {});
      ++convicted;
      const bool learnt = co_await until([&] { return router.convictions().size() == convicted; });
      CHECK(learnt);
      CHECK(world.questions[host] == 1);
    }
  });
}

TEST_CASE("sites that are down for the bridge as well cast no doubt on the network") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    const std::vector<std::string> dead{"a1.test", "a2.example", "a3.invalid"};
    TaskGroup browser(co_await asio::this_coro::executor);
    int errors = 0;
    for (const auto& host : dead) {
      world.direct[host] = Shows::silent;
      world.tunnel[host] = Shows::down;
      browser.spawn(visit_in_vain(router, host, errors));
    }
    co_await browser.join();
    CHECK(errors == 3);
    co_await rest(50ms);
    world.direct["blocked.example"] = Shows::reset;
    const auto opened = co_await visit(router, "blocked.example");
    CHECK(opened.way == "tunnel");
    const bool learnt = co_await until([&] { return router.convictions().size() == 1; }, 2s);
    CHECK(learnt);
    CHECK(world.questions.empty());  // CONNECT had told it already
  });
}

TEST_CASE("when all ways failed otherwise, the bridge is asked once") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    const std::string host = "odd.example";
    world.direct[host] = Shows::reset;
    world.tunnel[host] = Shows::rubbish;
    world.control.insert_or_assign(host, refused_at("93.184.1.11"));
    const auto failed = co_await visit(router, host);
    CHECK(failed.error);
    const bool asked = co_await until([&] { return world.questions[host] == 1; });
    CHECK(asked);
    // A tunnel that fails itself cannot be asked either.
    world.direct["lost.example"] = Shows::reset;
    world.tunnel["lost.example"] = Shows::dead;
    const auto lost = co_await visit(router, "lost.example");
    CHECK(lost.error);
    co_await rest(50ms);
    CHECK_FALSE(world.questions.contains("lost.example"));
    CHECK(router.convictions().empty());
  });
}
