// One connection and what it teaches: the race, the contrast rule, what may be repeated.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

TEST_CASE("a site that is not blocked never touches the tunnel") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      const auto v = co_await visit(router, "open.example");
      CHECK(v.way == "direct");
    }
    co_await rest(100ms);
    CHECK(world.tunnel_dials.empty());
    CHECK(router.convictions().empty());
  });
}

TEST_CASE("every kind of block is passed on the first visit and remembered for the second") {
  struct Row {
    Shows shows;
    const char* signal;
    bool quick;  // a failure that says so itself is not waited for; the others are hedged
  };
  for (const auto& row : {Row{Shows::syn_silence, "tcp_silence", false}, Row{Shows::refused, "tcp_rst", true},
                          Row{Shows::icmp, "tcp_icmp", true}, Row{Shows::reset, "tls_rst", true},
                          Row{Shows::fin, "tls_fin", true}, Row{Shows::silent, "tls_silence", false},
                          Row{Shows::alert, "tls_alert", true}, Row{Shows::rubbish, "tls_not_tls", true}}) {
    auto options = quick_options();
    if (row.quick)
      options.hedge_delay = 5s;
    else
      options.handshake_silence = 1500ms;
    const auto too_long = row.quick ? options.hedge_delay : options.handshake_silence;
    with_router(
        [row, too_long](World& world, Router& router) -> asio::awaitable<void> {
          world.direct["x.example"] = row.shows;
          (void)co_await visit(router, "fine.example");
          const auto first = co_await visit(router, "x.example");
          INFO(std::string(row.signal));
          CHECK(first.way == "tunnel");
          CHECK(first.took < too_long);
          CHECK((co_await visit(router, "x.example")).way == "tunnel");  // while it is being confirmed
          const bool learnt = co_await until([&] { return router.convictions().size() == 1; });
          CHECK(learnt);
          const auto why = router.why("x.example");
          CHECK(why.at("signal").as_string() == row.signal);
          CHECK(why.at("way").as_string() == "tunnel");
          CHECK(why.at("evidence").as_array().size() == 2);
          CHECK(world.direct_dials["x.example"] == 3);  // the visit's, and two looks: nothing was known of it
          CHECK((co_await visit(router, "x.example")).way == "tunnel");
          CHECK(world.direct_dials["x.example"] == 3);
        },
        options);
  }
}

TEST_CASE("a site that is merely slow is not convicted, and wins when it answers first") {
  auto options = quick_options();
  options.handshake_silence = 2s;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["slow.example"] = Shows::slow;  // past the hedge, before the silence limit
        world.slow_by = 800ms;
        const auto v = co_await visit(router, "slow.example");
        CHECK(v.way == "tunnel");
        const bool direct_again =
            co_await until([&] { return router.why("slow.example").at("way").as_string() == "direct"; });
        CHECK(direct_again);
        CHECK(router.convictions().empty());
        world.tunnel["slow.example"] = Shows::silent;
        CHECK((co_await visit(router, "slow.example")).way == "direct");
        co_await rest(100ms);
        CHECK(router.convictions().empty());
      },
      options);
}

TEST_CASE("a site that is down is never convicted, in a thousand trials") {
  auto options = quick_options();
  options.total_budget = 400ms;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        const Shows ways[] = {Shows::refused, Shows::reset, Shows::fin, Shows::alert, Shows::rubbish};
        world.round_trip = 0ms;
        for (int i = 0; i < 1000; ++i) {
          const auto host = "down" + std::to_string(i % 7) + ".example";
          world.direct[host] = ways[i % 5];
          world.tunnel[host] = i % 5 < 3 ? Shows::down : ways[i % 5];
          const auto v = co_await visit(router, host);
          // An alert by both ways is the site's own and reaches the browser.
          CHECK((i % 5 == 3 ? v.way == "direct" : bool(v.error)));
          // So that the network is above suspicion, and only the missing contrast speaks for the site.
          CHECK((co_await visit(router, "fine.example")).way == "direct");
        }
        CHECK(router.convictions().empty());
        world.direct["gone.example"] = Shows::syn_silence;
        world.tunnel["gone.example"] = Shows::silent;
        CHECK((co_await visit(router, "gone.example")).error);
        CHECK(router.convictions().empty());
      },
      options);
}

TEST_CASE("a whole outage convicts nobody and dials little") {
  auto options = quick_options();
  options.total_budget = 500ms;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        for (int i = 0; i < 30; ++i) {
          const auto host = "site" + std::to_string(i) + ".com";
          world.direct[host] = i % 2 ? Shows::refused : Shows::icmp;
          world.tunnel[host] = Shows::dead;
          CHECK((co_await visit(router, host)).error);
        }
        CHECK(router.convictions().empty());
        int extra = 0;
        for (const auto& [host, count] : world.tunnel_dials) extra += count;
        CHECK(extra <= 18);  // 30 visits of half a second each: one dial a second, and the first few
      },
      options);
}

TEST_CASE("nothing is learnt without a link or across a change of network") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["x.example"] = Shows::silent;
    const auto settled = [&] { return router.why("x.example").at("way").as_string() == "direct"; };
    world.link = false;
    CHECK((co_await visit(router, "x.example")).way == "tunnel");
    const bool without_link = co_await until(settled);
    CHECK(without_link);
    CHECK(router.convictions().empty());
    world.link = true;
    CHECK((co_await visit(router, "x.example")).way == "tunnel");
    world.network = "elsewhere";
    co_await rest(1500ms);  // what was begun is over: two silences side by side
    CHECK(router.convictions().empty());
    // And a verdict holds on its own network only.
    (void)co_await visit(router, "x.example");
    const bool learnt = co_await until([&] { return router.convictions().size() == 1; });
    CHECK(learnt);
    world.network = "home";
    CHECK(router.convictions().empty());
    world.network = "elsewhere";
    CHECK(router.convictions().size() == 1);
  });
}

TEST_CASE("a failing tunnel convicts nobody, and direct still gets its time") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["slow.example"] = Shows::slow;
    world.tunnel["slow.example"] = Shows::dead;
    CHECK((co_await visit(router, "slow.example")).way == "direct");
    world.direct["x.example"] = Shows::reset;
    world.tunnel["x.example"] = Shows::dead;
    CHECK((co_await visit(router, "x.example")).error == asio::error::connection_reset);
    co_await rest(300ms);
    CHECK(router.convictions().empty());
  });
}

TEST_CASE("a POST reaches the origin once, and its failure teaches the retry") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["shop.example"] = Shows::reset;
    auto post = http_flight("POST", "shop.example");
    auto first = co_await visit(router, "shop.example", post, 80);
    CHECK(first.way == "direct");
    REQUIRE(first.watch);
    const bool arrived = co_await until([&] { return world.posts["POST shop.example"] == 1; });
    CHECK(arrived);
    first.watch->ended(0, false, asio::error::connection_reset);
    const bool learnt = co_await until([&] { return router.convictions().size() == 1; });
    CHECK(learnt);
    CHECK(world.posts["POST shop.example"] == 1);
    auto again = co_await visit(router, "shop.example", post, 80);
    CHECK(again.way == "tunnel");
    const bool twice = co_await until([&] { return world.posts["POST shop.example"] == 2; });
    CHECK(twice);  // the retry is the browser's own
  });
}

TEST_CASE("a POST that could not even connect goes on by the tunnel, once") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    for (const auto shows : {Shows::refused, Shows::syn_silence}) {
      world.posts.clear();
      const std::string host = shows == Shows::refused ? "a.example" : "b.example";
      world.direct[host] = shows;
      const auto v = co_await visit(router, host, http_flight("POST", host), 80);
      CHECK(v.way == "tunnel");
      const auto want = shows == Shows::refused ? 1U : 2U;
      const bool learnt = co_await until([&] { return router.convictions().size() == want; });
      CHECK(learnt);
      CHECK(world.posts["POST " + host] == 1);
    }
    CHECK(router.convictions().size() == 2);
  });
}

TEST_CASE("a redirect to another site is believed when the tunnel sees it too") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["t.example"] = world.tunnel["t.example"] = Shows::block_page;
    CHECK((co_await visit(router, "t.example", http_flight("GET", "t.example"), 80)).way == "direct");
    co_await rest(100ms);
    CHECK(router.convictions().empty());
    world.direct["n.example"] = Shows::block_page;
    CHECK((co_await visit(router, "n.example", http_flight("GET", "n.example"), 80)).way == "tunnel");
    const bool learnt = co_await until([&] { return router.convictions().size() == 1; });
    CHECK(learnt);
    CHECK(world.direct_dials["n.example"] == 3);  // seen a second time before it was believed
    CHECK(router.why("n.example").at("signal").as_string() == "http_redirect");
  });
}

TEST_CASE("without any bridge encrypted DNS still helps, and the rest fails as it would") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["x.example"] = Shows::reset;
        CHECK((co_await visit(router, "x.example")).error == asio::error::connection_reset);
        CHECK((co_await visit(router, "fine.example")).way == "direct");
        CHECK(router.convictions().empty());
      },
      quick_options(), false, true);
}

TEST_CASE("two hosts convict their domain, two names an address") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    for (const auto* host : {"a.blocked.com", "b.blocked.com", "c.blocked.com"})
      world.direct[host] = Shows::silent;
    std::size_t count = 1;
    const auto learnt = [&] { return router.convictions().size() == count; };
    (void)co_await visit(router, "a.blocked.com");
    const bool first = co_await until(learnt);
    CHECK(first);
    count = 3;
    (void)co_await visit(router, "b.blocked.com");
    const bool domain = co_await until(learnt);
    CHECK(domain);
    CHECK((co_await visit(router, "c.blocked.com")).way == "tunnel");
    CHECK(world.direct_dials["c.blocked.com"] == 0);
    CHECK((co_await visit(router, "blocked.org")).way == "direct");

    NameAnswer shared;
    shared.addresses.push_back(asio::ip::make_address("93.184.9.9"));
    world.at_address["93.184.9.9"] = Shows::refused;
    for (const auto* host : {"one.net", "two.org", "three.com"}) world.names[host] = shared;
    (void)co_await visit(router, "one.net");
    (void)co_await visit(router, "two.org");
    count = 6;
    const bool address = co_await until(learnt);
    CHECK(address);
    const auto dials = world.direct_dials["93.184.9.9"];
    CHECK((co_await visit(router, "three.com")).way == "tunnel");
    CHECK(world.direct_dials["93.184.9.9"] == dials);
    // Nothing was sent there, so nothing was seen of this name.
    co_await rest(200ms);
    CHECK(router.convictions().size() == 6);
    CHECK(router.why("three.com").at("evidence").as_array().empty());
  });
}

TEST_CASE("rules stand above everything") {
  auto options = quick_options();
  options.rules = {{config::RuleAction::never, "ads.example"},
                   {config::RuleAction::always_tunnel, "work.example"},
                   {config::RuleAction::always_direct, "bank.example"}};
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        CHECK(router.refuses(Endpoint("x.ads.example", 443)) == Errc::destination_denied);
        CHECK(!router.refuses(Endpoint("fine.example", 443)));
        CHECK((co_await visit(router, "ads.example")).error == Errc::destination_denied);
        CHECK((co_await visit(router, "work.example")).way == "tunnel");
        world.direct["bank.example"] = Shows::reset;
        CHECK((co_await visit(router, "bank.example")).error);
        CHECK(world.tunnel_dials.size() == 1);
        world.tunnel["work.example"] = Shows::dead;
        CHECK((co_await visit(router, "work.example")).error);
        CHECK(world.direct_dials["work.example"] == 0);
        world.direct["localhost"] = Shows::reset;
        CHECK((co_await visit(router, "localhost")).error);
        CHECK(router.convictions().empty());
      },
      options);
}

TEST_CASE("a browser that leaves in the middle leaves nothing behind") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io.get_executor());
    VerdictStore store({});
    Router router(io.get_executor(), quick_options(), &world.tunnel_dialer(), store, world.parts());
    world.direct["x.example"] = world.tunnel["x.example"] = Shows::silent;
    for (const auto after : {0ms, 10ms, 100ms, 250ms}) {
      TaskGroup browser(io.get_executor());
      browser.spawn([](Router& r) -> asio::awaitable<void> { (void)co_await visit(r, "x.example"); }(router));
      co_await rest(after);
      browser.cancel();
      co_await browser.join();
    }
    co_await router.stop();
    CHECK(router.convictions().empty());
    co_await world.close();
  });
}

TEST_CASE("what is said once by a tunnel that is up has its time, and leaves with the browser") {
  auto options = quick_options();
  options.total_budget = 300ms;
  options.rules = {{config::RuleAction::always_tunnel, "x.example"}};
  FirstFlight much;
  much.kind = FirstFlight::Kind::opaque;
  much.bytes.assign(1 << 20, 'm');
  with_router(
      [&](World& world, Router& router) -> asio::awaitable<void> {
        const auto post = http_flight("POST", "x.example");
        CHECK((co_await visit(router, "x.example", post, 80)).way == "tunnel");
        const bool arrived = co_await until([&] { return world.posts["POST x.example"] == 1; });
        CHECK(arrived);
        world.tunnel["x.example"] = Shows::deaf;
        const auto late = co_await visit(router, "x.example", much, 80);
        CHECK(late.error == Errc::timed_out);
        CHECK(late.took >= 290ms);
        TaskGroup browser(world.executor());
        browser.spawn([](Router& r, FirstFlight f) -> asio::awaitable<void> {
          (void)co_await visit(r, "x.example", std::move(f), 80);
        }(router, much));
        co_await rest(20ms);
        browser.cancel();
        co_await browser.join();
        CHECK(world.tunnel_dials["x.example"] == 3);
        CHECK(world.direct_dials.empty());
      },
      options);
}

TEST_CASE("check shows what each way does now and learns nothing") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["x.example"] = Shows::reset;
    const auto report = co_await router.check("x.example");
    const auto& ways = report.at("ways").as_array();
    CHECK(ways.size() == 2);
    CHECK(ways[0].at("works").as_bool() == false);
    CHECK(ways[0].at("signal").as_string() == "tls_rst");
    CHECK(ways[1].at("works").as_bool());
    CHECK(router.convictions().empty());
    CHECK((co_await router.check("not a host")).contains("error"));
  });
}
