// A service goes one way as a whole; a sensitive host is never asked by a flight of our own.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

namespace {

config::ClientOptions with_service() {
  auto options = quick_options();
  config::ServiceGroup x;
  x.name = "X";
  x.patterns = {"x.com", "twimg.com", "t.co"};
  options.services.push_back(x);
  return options;
}

asio::awaitable<void> convict_service(World& world, Router& router, std::string host) {
  world.direct[host] = Shows::reset;
  (void)co_await visit(router, host);
  const bool learnt = co_await until([&] { return router.why(host).contains("signal"); });
  CHECK(learnt);
}

}  // namespace

TEST_CASE("one blocked host takes its whole service to the tunnel, and back with it") {
  auto options = with_service();
  options.first_expiry = 4s;
  options.background_probes = true;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        CHECK((co_await visit(router, "pbs.twimg.com")).way == "direct");
        co_await convict_service(world, router, "api.x.com");
        CHECK((co_await visit(router, "pbs.twimg.com")).way == "tunnel");
        CHECK((co_await visit(router, "t.co")).way == "tunnel");
        CHECK((co_await visit(router, "other.com")).way == "direct");
        const auto why = router.why("t.co");
        CHECK(why.at("scope").as_string() == "service");
        CHECK(why.at("text").as_string().find("It belongs to X") != std::string::npos);
        world.direct["api.x.com"] = Shows::site;
        const bool back =
            co_await until([&] { return router.why("t.co").at("way").as_string() == "direct"; });
        CHECK(back);
        CHECK((co_await visit(router, "pbs.twimg.com")).way == "direct");
        CHECK(router.convictions().empty());
      },
      options);
}

TEST_CASE("the use of any of its hosts keeps a service's verdict under test") {
  auto options = with_service();
  options.first_expiry = 4s;
  options.background_probes = true;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        co_await convict_service(world, router, "x.com");
        const auto before = world.direct_dials["x.com"];
        // Nobody asks for x.com itself any more, and it stays blocked: each retest follows from the others'
        // use.
        const bool tested = co_await until(
            [&] {
              const auto why = router.why("x.com");
              return why.contains("step") && why.at("step").as_int64() >= 1;
            },
            20s);
        CHECK(tested);
        const auto once = world.direct_dials["x.com"];
        CHECK(once > before);
        for (int i = 0; i < 60 && world.direct_dials["x.com"] == once; ++i) {
          CHECK((co_await visit(router, "t.co")).way == "tunnel");
          co_await rest(500ms);
        }
        CHECK(world.direct_dials["x.com"] > once);
      },
      options);
}

TEST_CASE("a sensitive host is believed blocked at its first contrast, and asked for by nobody else") {
  auto options = quick_options();
  options.first_expiry = 3s;
  options.background_probes = true;
  options.sensitive = {"secret.example"};
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        (void)co_await visit(router, "fine.example");
        for (const auto shows : {Shows::reset, Shows::silent}) {
          const std::string host = shows == Shows::reset ? "a.secret.example" : "b.secret.example";
          world.direct[host] = shows;
          CHECK((co_await visit(router, host)).way == "tunnel");
          const bool learnt = co_await until([&] { return router.why(host).contains("signal"); });
          CHECK(learnt);
          CHECK(router.why(host).at("sensitive").as_bool());
        }
        const bool lapsed = co_await until([&] { return router.convictions().empty(); });
        CHECK(lapsed);
        CHECK(world.direct_dials["a.secret.example"] == 1);
        CHECK(world.direct_dials["b.secret.example"] == 1);
        // What nobody may ask again is not asked after a request that may be said once either.
        world.direct["c.secret.example"] = Shows::fin;
        const auto post =
            co_await visit(router, "c.secret.example", http_flight("POST", "c.secret.example"), 80);
        if (post.watch) post.watch->ended(0, false, {});
        co_await rest(500ms);
        CHECK(world.direct_dials["c.secret.example"] == 1);
      },
      options);
}
