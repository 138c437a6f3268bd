// Networks that change, sleep in between, and portals that want a sign-in first.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

namespace {

const std::string kProbe = "probe.example";

config::ClientOptions probing_options() {
  auto options = quick_options();
  options.captive_probe = config::CaptiveProbe{kProbe, 80, "/generate_204"};
  return options;
}

asio::awaitable<bool> asked(World& world, int times) {
  return until([&world, times] { return world.posts["GET " + kProbe] >= times; });
}

}  // namespace

TEST_CASE("until it is known who answers on a network, connections go on and nothing is learnt") {
  const auto scenario = [](World& world, Router& router) -> asio::awaitable<void> {
    world.direct[kProbe] = Shows::slow;
    world.slow_by = 1s;
    world.direct["blocked.example"] = Shows::reset;
    const bool begun = co_await asked(world, 1);
    CHECK(begun);
    const auto v = co_await visit(router, "blocked.example");
    CHECK(v.way == "tunnel");
    co_await rest(300ms);
    CHECK(router.convictions().empty());
    CHECK(!router.captive_portal());
  };
  with_router(scenario, probing_options());
}

TEST_CASE("a clean network is asked once and learns as ever") {
  const auto scenario = [](World& world, Router& router) -> asio::awaitable<void> {
    world.direct[kProbe] = Shows::nothing;
    world.direct["blocked.example"] = Shows::reset;
    const bool begun = co_await asked(world, 1);
    CHECK(begun);
    co_await rest(50ms);
    const auto v = co_await visit(router, "blocked.example");
    CHECK(v.way == "tunnel");
    const bool convicted = co_await until([&] { return !router.convictions().empty(); });
    CHECK(convicted);
    CHECK(world.posts["GET " + kProbe] == 1);
    CHECK(world.names_forgotten.contains(kProbe));
  };
  with_router(scenario, probing_options());
}

TEST_CASE("what was found out over a stay on another network is not learnt, back on the first") {
  for (const bool moves : {false, true}) {
    CAPTURE(moves);
    with_router([moves](World& world, Router& router) -> asio::awaitable<void> {
      const auto open = co_await visit(router, "open.example");
      CHECK(open.way == "direct");
      world.direct["silent.example"] = Shows::silent;
      const auto v = co_await visit(router, "silent.example");
      CHECK(v.way == "tunnel");
      for (const auto* network : {"abroad", "home"}) {
        if (!moves) continue;
        world.network = network;
        world.network_news();
        co_await rest(30ms);
      }
      const bool convicted = co_await until([&] { return !router.convictions().empty(); }, moves ? 4s : 20s);
      CHECK(convicted != moves);
    });
  }
}

TEST_CASE("behind a captive portal all that is not convicted goes directly only, and nothing is learnt") {
  const auto scenario = [](World& world, Router& router) -> asio::awaitable<void> {
    world.direct[kProbe] = Shows::nothing;
    world.direct["blocked.example"] = Shows::reset;
    const bool begun = co_await asked(world, 1);
    CHECK(begun);
    co_await rest(50ms);
    (void)co_await visit(router, "blocked.example");
    const bool convicted = co_await until([&] { return !router.convictions().empty(); });
    CHECK(convicted);

    // The same network after its time is over: known from the first connection, and closed now.
    world.network = "cafe";
    world.network_news();
    co_await rest(50ms);
    world.network = "home";
    world.direct[kProbe] = Shows::block_page;  // a redirect, to a place that no list knows
    world.network_news();
    const bool captive = co_await until([&] { return router.captive_portal(); });
    CHECK(captive);

    world.direct["open.example"] = Shows::silent;
    world.tunnel_dials.clear();
    const auto silent = co_await visit(router, "open.example");
    CHECK(silent.error);
    world.direct["reset.example"] = Shows::reset;
    const auto reset = co_await visit(router, "reset.example");
    CHECK(reset.error);
    NameAnswer lie;
    lie.addresses.push_back(asio::ip::make_address("10.0.0.1"));
    lie.doubt = Signal::dns_bogon;
    world.names["lied.example"] = lie;
    const auto page = co_await visit(router, "lied.example", http_flight("GET", "lied.example"), 80);
    CHECK(page.way == "direct");
    world.direct["page.example"] = Shows::block_page;
    const auto sign_in = co_await visit(router, "page.example", http_flight("GET", "page.example"), 80);
    CHECK(sign_in.way == "direct");
    co_await rest(300ms);
    CHECK(world.tunnel_dials.empty());
    CHECK(world.encrypted_asked.empty());
    CHECK(router.convictions().size() == 1);

    // What is known to be blocked stays hidden.
    world.direct_dials.clear();
    const auto hidden = co_await visit(router, "blocked.example");
    CHECK(hidden.way == "tunnel");
    world.tunnel["blocked.example"] = Shows::dead;
    const auto closed = co_await visit(router, "blocked.example");
    CHECK(closed.error);
    CHECK(world.direct_dials["blocked.example"] == 0);

    // Signed in.
    const auto forgotten = world.forgotten;
    world.direct[kProbe] = Shows::nothing;
    const bool open = co_await until([&] { return !router.captive_portal(); });
    CHECK(open);
    CHECK(world.forgotten > forgotten);  // the portal's names
    const auto v = co_await visit(router, "reset.example");
    CHECK(v.way == "tunnel");
    const bool learnt = co_await until([&] { return router.convictions().size() == 2; });
    CHECK(learnt);
  };
  with_router(scenario, probing_options(), true, true);
}

TEST_CASE("a change of network is followed at once, without waiting for a connection") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    int told = 0;
    router.when_network_changes([&] { ++told; });
    const bool hears = co_await until([&] { return static_cast<bool>(world.network_news); });
    REQUIRE(hears);
    co_await rest(10ms);
    CHECK(told == 0);
    const auto forgotten = world.forgotten;
    world.network = "cafe";
    for (int i = 0; i < 20; ++i) world.network_news();
    const bool followed = co_await until([&] { return told == 1; }, 1s);
    CHECK(followed);
    CHECK(world.forgotten == forgotten + 1);
    world.network_news();  // nothing new
    co_await rest(50ms);
    CHECK(told == 1);
    ++world.sleeps;
    const bool woken = co_await until([&] { return told == 2; }, 10s);  // nobody tells of a sleep
    CHECK(woken);
    CHECK(world.forgotten == forgotten + 2);
  });
}

TEST_CASE("a network that changes while a visit is under way teaches nothing of either") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["x.example"] = Shows::reset;
    world.round_trip = 40ms;
    bool done = false;
    const auto go = [](Router& r, bool& over) -> asio::awaitable<void> {
      const auto v = co_await visit(r, "x.example");
      CHECK(v.way == "tunnel");
      over = true;
    };
    TaskGroup tasks(world.executor());
    tasks.spawn(go(router, done));
    co_await rest(60ms);
    world.network = "cafe";
    world.network_news();
    const bool over = co_await until([&] { return done; });
    CHECK(over);
    co_await rest(400ms);
    CHECK(router.convictions().empty());
    world.network = "home";
    world.network_news();
    co_await rest(50ms);
    CHECK(router.convictions().empty());
    co_await tasks.join();
  });
}

TEST_CASE("back on a known network the first connection goes as it had been learnt") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["x.example"] = Shows::reset;
    (void)co_await visit(router, "x.example");
    const bool convicted = co_await until([&] { return !router.convictions().empty(); });
    CHECK(convicted);
    world.network = "cafe";
    world.direct["x.example"] = Shows::site;
    auto v = co_await visit(router, "x.example");  // nobody has told of the change yet
    CHECK(v.way == "direct");
    world.network = "home";
    world.direct_dials.clear();
    v = co_await visit(router, "x.example");
    CHECK(v.way == "tunnel");
    CHECK(world.direct_dials["x.example"] == 0);
  });
}

TEST_CASE("just after a sleep nothing is learnt, and connections go on") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    (void)co_await visit(router, "open.example");
    ++world.sleeps;
    world.direct["x.example"] = Shows::reset;
    const auto v = co_await visit(router, "x.example");
    CHECK(v.way == "tunnel");
    co_await rest(300ms);
    CHECK(router.convictions().empty());
    // It leans on the tunnel meanwhile, and is looked into when the network has shown itself.
    const bool convicted = co_await until([&] { return !router.convictions().empty(); }, 20s);
    CHECK(convicted);
  });
}
