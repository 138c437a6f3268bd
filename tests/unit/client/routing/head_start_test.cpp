// Connections begun while the browser still makes its first flight.
#include <doctest.h>

#include "client/detection/head_start.hpp"
#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

namespace {

asio::awaitable<Visit> visit_begun(Router& router, std::string host, std::shared_ptr<HeadStart> begun) {
  auto flight = tls_probe_flight(host);
  return visit(router, std::move(host), std::move(flight), 443, std::move(begun));
}

}  // namespace

TEST_CASE("a connection begun before the first flight carries it, however far it has come") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    for (const auto wait : {0ms, 1ms, 50ms}) {
      auto begun = router.begin({"open.example", 443});
      REQUIRE(begun);
      if (wait > 0ms) co_await rest(wait);
      world.direct_dials.clear();
      const auto v = co_await visit_begun(router, "open.example", std::move(begun));
      CHECK(v.way == "direct");
      CHECK(world.direct_dials["open.example"] == 0);
      CHECK(world.connected["open.example"] == 1);
    }
    CHECK(world.tunnel_dials.empty());
  });
}

TEST_CASE("a connection that nobody takes is ended") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    auto connected = router.begin({"a.example", 443}), connecting = router.begin({"b.example", 443});
    const bool there = co_await until([&] { return world.connected["a.example"] == 1; });
    CHECK(there);
    connected.reset();
    connecting.reset();
    auto at_once = router.begin({"c.example", 443});
    at_once.reset();
    const bool gone = co_await until([&] { return world.connected["a.example"] == 0; });
    CHECK(gone);
    co_await rest(20ms);
    CHECK(world.connected["b.example"] == 0);
    CHECK(world.connected["c.example"] == 0);
  });
}

TEST_CASE("what befell a connection begun early is told as if it had been begun late") {
  for (const auto& [shows, signal] :
       {std::pair(Shows::refused, "tcp_rst"), std::pair(Shows::reset, "tls_rst"),
        std::pair(Shows::syn_silence, "tcp_silence")}) {
    with_router([shows, signal](World& world, Router& router) -> asio::awaitable<void> {
      world.direct["x.example"] = shows;
      (void)co_await visit(router, "fine.example");
      auto begun = router.begin({"x.example", 443});
      const auto v = co_await visit_begun(router, "x.example", std::move(begun));
      CHECK(v.way == "tunnel");
      const bool learnt = co_await until([&] { return router.convictions().size() == 1; });
      CHECK(learnt);
      CHECK(router.why("x.example").at("signal").as_string() == signal);
      CHECK(world.direct_dials["x.example"] == 2);  // the one begun, and the second look
      CHECK_FALSE(router.begin({"x.example", 443}));
      CHECK(world.direct_dials["x.example"] == 2);
    });
  }
}

TEST_CASE("nothing is begun where the flight may go another way") {
  auto options = quick_options();
  options.rules = {{config::RuleAction::always_tunnel, "tunnel.example"},
                   {config::RuleAction::never, "never.example"}};
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        CHECK_FALSE(router.begin({"tunnel.example", 443}));
        CHECK_FALSE(router.begin({"never.example", 443}));
        CHECK_FALSE(router.begin({"93.184.1.1", 443}));  // the site's name stands in the flight
        CHECK(world.direct_dials.empty());
        co_return;
      },
      options);
}

TEST_CASE("a connection that has waited for long, or leads elsewhere, is not used") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    auto begun = router.begin({"late.example", 443});
    const auto elsewhere = router.begin({"moved.example", 443});
    co_await rest(20ms);
    CHECK(world.direct_dials["moved.example"] == 1);
    NameAnswer other;
    other.addresses.push_back(asio::ip::make_address("93.184.7.7"));
    world.names["moved.example"] = other;
    CHECK((co_await visit_begun(router, "moved.example", elsewhere)).way == "direct");
    CHECK(world.direct_dials["93.184.7.7"] == 1);
    co_await rest(2100ms);
    CHECK(world.connected["late.example"] == 1);
    const auto v = co_await visit_begun(router, "late.example", std::move(begun));
    CHECK(v.way == "direct");
    CHECK(world.direct_dials["late.example"] == 2);
    const bool dropped = co_await until([&] { return world.connected["late.example"] == 1; });
    CHECK(dropped);
  });
}
