// Block pages that no list knows: found by what unrelated sites show, and by the tunnel's contrast.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

namespace {

asio::awaitable<std::string> page_by(Router& router, std::string host) {
  auto flight = http_flight("GET", host);
  const auto v = co_await visit(router, std::move(host), std::move(flight), 80);
  co_return v.way;
}

std::string signal_of(Router& router, const std::string& host) {
  const auto why = router.why(host);
  return why.contains("signal") ? std::string(why.at("signal").as_string()) : std::string();
}

}  // namespace

TEST_CASE("a page that unrelated sites show is taken for a block page once the tunnel shows another") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    for (const auto* host : {"one.com", "two.org", "three.net"}) world.direct[host] = Shows::same_page;
    CHECK(co_await page_by(router, "one.com") == "direct");
    CHECK(world.tunnel_dials.empty());
    CHECK(co_await page_by(router, "two.org") == "tunnel");
    const bool second = co_await until([&] { return signal_of(router, "two.org") == "http_shared_page"; });
    CHECK(second);
    CHECK(world.direct_dials["two.org"] >= 2);  // seen a second time before it was believed
    CHECK(co_await page_by(router, "three.net") == "tunnel");
    CHECK(co_await page_by(router, "one.com") == "tunnel");
    const bool all = co_await until([&] { return router.convictions().size() == 3; });
    CHECK(all);
    CHECK(co_await page_by(router, "open.com") == "direct");
  });
}

TEST_CASE("a page that unrelated sites really show convicts nobody and is asked about once") {
  for (const auto through : {Shows::same_page, Shows::open_page})
    with_router([through](World& world, Router& router) -> asio::awaitable<void> {
      for (const auto* host : {"one.com", "two.org", "three.net"}) {
        world.direct[host] = Shows::same_page;
        world.tunnel[host] = through;
      }
      CHECK(co_await page_by(router, "one.com") == "direct");
      CHECK(co_await page_by(router, "two.org") == "direct");
      CHECK(world.tunnel_dials["two.org"] == 1);
      CHECK(co_await page_by(router, "three.net") == "direct");
      CHECK(co_await page_by(router, "one.com") == "direct");
      co_await rest(100ms);
      CHECK(world.tunnel_dials.size() == 1);
      CHECK(router.convictions().empty());
    });
}

TEST_CASE("a shared page costs no time where there is nothing to compare it with") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        for (const auto* host : {"one.com", "two.org"}) world.direct[host] = Shows::same_page;
        CHECK(co_await page_by(router, "one.com") == "direct");
        auto flight = http_flight("GET", "two.org");
        const auto v = co_await visit(router, "two.org", std::move(flight), 80);
        CHECK(v.way == "direct");
        CHECK(v.took < 100ms);
      },
      quick_options(), false);
}

TEST_CASE("what was shown on another network says nothing here") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    for (const auto* host : {"one.com", "two.org"}) world.direct[host] = Shows::same_page;
    CHECK(co_await page_by(router, "one.com") == "direct");
    world.network = "elsewhere";
    CHECK(co_await page_by(router, "two.org") == "direct");
    world.network = "home";
    CHECK(co_await page_by(router, "two.org") == "tunnel");
  });
}

TEST_CASE("a page of the person's own list is known at the first visit") {
  auto options = quick_options();
  options.block_pages.marks = {{config::BlockPageMark::Kind::phrase, "cannot be shown"}};
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["one.com"] = Shows::same_page;
        CHECK(co_await page_by(router, "one.com") == "tunnel");
        const bool learnt = co_await until([&] { return signal_of(router, "one.com") == "http_block_page"; });
        CHECK(learnt);
        world.direct["two.org"] = world.tunnel["two.org"] = Shows::same_page;  // it says so itself
        CHECK(co_await page_by(router, "two.org") == "direct");
        co_await rest(100ms);
        CHECK(router.convictions().size() == 1);
      },
      options);
}

TEST_CASE("a redirect that unrelated sites are given is no site's own when the tunnel is sent elsewhere") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    for (const auto* host : {"one.com", "two.org"}) {
      world.direct[host] = Shows::block_page;
      world.tunnel[host] = Shows::elsewhere;
    }
    // One alone may send each visitor to the site of his country.
    CHECK(co_await page_by(router, "one.com") == "direct");
    co_await rest(50ms);
    CHECK(router.convictions().empty());
    CHECK(co_await page_by(router, "two.org") == "tunnel");
    const bool learnt = co_await until([&] { return signal_of(router, "two.org") == "http_shared_page"; });
    CHECK(learnt);
    for (const auto* host : {"moved.net", "gone.com"})
      world.direct[host] = world.tunnel[host] = Shows::elsewhere;
    for (const auto* host : {"moved.net", "gone.com", "moved.net"})
      CHECK(co_await page_by(router, host) == "direct");
    co_await rest(100ms);
    CHECK(router.convictions().size() == 1);
  });
}

TEST_CASE("a tunnel's redirect to another site is an answer that convicts a reset") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["one.com"] = Shows::reset;
    world.tunnel["one.com"] = Shows::elsewhere;
    CHECK(co_await page_by(router, "one.com") == "tunnel");
    const bool learnt = co_await until([&] { return signal_of(router, "one.com") == "http_rst"; });
    CHECK(learnt);
  });
}

TEST_CASE("a retest looks at the page, and returns a host only to the site's own") {
  surang::test::run(
      [](asio::io_context& io) -> asio::awaitable<void> {
        World world(io.get_executor());
        VerdictStore store({});
        auto options = quick_options();
        options.first_expiry = 6s;
        {
          Router router(io.get_executor(), options, &world.tunnel_dialer(), store, world.parts());
          for (const auto* host : {"one.com", "two.org"}) world.direct[host] = Shows::same_page;
          world.direct["moved.net"] = Shows::block_page;
          for (const auto* host : {"one.com", "two.org", "one.com", "moved.net"})
            (void)co_await page_by(router, host);
          const bool all = co_await until([&] { return router.convictions().size() == 3; });
          CHECK(all);
          co_await router.stop();
        }
        // One that has seen neither page.
        options.background_probes = true;
        Router router(io.get_executor(), options, &world.tunnel_dialer(), store, world.parts());
        world.direct["two.org"] = world.tunnel["two.org"] = Shows::own_page;
        world.direct["moved.net"] = world.tunnel["moved.net"] = Shows::elsewhere;
        const bool retested = co_await until([&] {
          const auto still = router.why("one.com");
          return still.contains("step") && still.at("step").as_int64() == 1 &&
                 router.why("two.org").at("way").as_string() == "direct" &&
                 router.why("moved.net").at("way").as_string() == "direct";
        });
        CHECK(retested);
        CHECK(signal_of(router, "one.com") == "http_shared_page");
        CHECK(router.convictions().size() == 1);
        CHECK(co_await page_by(router, "two.org") == "direct");
        co_await router.stop();
        co_await world.close();
      },
      60s);
}

TEST_CASE("why names the service of a host, and that it is sensitive") {
  auto options = quick_options();
  options.services = config::shipped_services();
  options.sensitive = {"bank.example"};
  with_router(
      [](World&, Router& router) -> asio::awaitable<void> {
        CHECK(router.why("abs.twimg.com").at("service").as_string() == "X");
        CHECK(router.why("www.bank.example").at("sensitive").as_bool());
        const auto other = router.why("other.example");
        CHECK(!other.contains("service"));
        CHECK(!other.contains("sensitive"));
        co_return;
      },
      options);
}
