// What becomes of a verdict: it holds while the bridge is down, lapses, is lifted or renewed by a retest.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

namespace {

// A first visit to a host that is reset on the direct way.
asio::awaitable<void> convict(World& world, Router& router, std::string host) {
  const auto before = router.convictions().size();
  world.direct[host] = Shows::reset;
  (void)co_await visit(router, host);
  const bool learnt = co_await until([&] { return router.convictions().size() == before + 1; });
  CHECK(learnt);
}

}  // namespace

TEST_CASE("a convicted host with its tunnel down fails closed, unless the person chose otherwise") {
  for (const bool open : {false, true}) {
    auto options = quick_options();
    if (open) options.on_tunnel_down = config::OnTunnelDown::direct;
    with_router(
        [open](World& world, Router& router) -> asio::awaitable<void> {
          co_await convict(world, router, "x.example");
          world.direct["x.example"] = Shows::site;
          world.tunnel["x.example"] = Shows::dead;
          const auto v = co_await visit(router, "x.example");
          CHECK((open ? v.way == "direct" : bool(v.error)));
        },
        options);
  }
}

TEST_CASE("a verdict holds while no bridge can be reached, and ends when direct works") {
  auto options = quick_options();
  options.first_expiry = 12s;  // use is written down every ten seconds
  options.background_probes = true;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        co_await convict(world, router, "x.example");
        world.tunnel["x.example"] = Shows::dead;
        for (int i = 0; i < 32; ++i) {
          CHECK((co_await visit(router, "x.example")).error);
          CHECK(router.why("x.example").at("way").as_string() == "tunnel");
          co_await rest(500ms);
        }
        world.direct["x.example"] = Shows::site;
        const bool open = co_await until([&] { return router.convictions().empty(); });
        CHECK(open);
        CHECK((co_await visit(router, "x.example")).way == "direct");
      },
      options);
}

TEST_CASE("a verdict expires and the host is direct again") {
  auto options = quick_options();
  options.first_expiry = 2s;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        co_await convict(world, router, "x.example");
        world.direct["x.example"] = Shows::site;
        const bool expired = co_await until([&] { return router.convictions().empty(); });
        CHECK(expired);
        CHECK((co_await visit(router, "x.example")).way == "direct");
      },
      options);
}

TEST_CASE("a background retest returns a host to direct, or renews its verdict for longer") {
  auto options = quick_options();
  options.first_expiry = 6s;
  options.background_probes = true;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        co_await convict(world, router, "again.example");
        co_await convict(world, router, "still.example");
        world.direct["again.example"] = Shows::site;
        // Nobody visits meanwhile: the retests alone do it.
        const bool retested = co_await until([&] {
          const auto still = router.why("still.example");
          return still.contains("step") && still.at("step").as_int64() == 1 &&
                 router.why("again.example").at("way").as_string() == "direct";
        });
        CHECK(retested);
        CHECK(router.convictions().size() == 1);
        CHECK(router.why("again.example").at("text").as_string().find("works again") != std::string::npos);
        CHECK((co_await visit(router, "again.example")).way == "direct");
        CHECK((co_await visit(router, "still.example")).way == "tunnel");
      },
      options);
}
