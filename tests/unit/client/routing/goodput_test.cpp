// Direct connections that stand still, crawl or are answered by somebody else, through the whole Router:
// sites with real TLS behind a narrow line, directly and through a tunnel.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_lines.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

TEST_CASE("a page that stands still is cut, comes whole at the next try, and convicts until it is let") {
  auto options = quick_options();
  options.first_expiry = 6s;
  options.background_probes = true;
  with_lines(
      [](Trial t) -> asio::awaitable<void> {
        t.lines.direct.freeze_at = 16'000;
        const auto first = co_await t.load("a.example");
        CHECK(first.way == "direct");
        CHECK(first.error);
        CHECK(first.size < 16'000);
        CHECK(first.took < 4500ms);
        const auto second = co_await t.load("a.example");
        CHECK(second.way == "tunnel");
        CHECK(second.size >= kPage);
        const bool learnt = co_await until([&] { return t.signal() == "frozen"; });
        CHECK(learnt);
        t.lines.direct.freeze_at = SIZE_MAX;
        const bool acquitted = co_await until([&] { return t.router.convictions().empty(); });
        CHECK(acquitted);
        CHECK(t.router.why("a.example").at("text").as_string().find("works again") != std::string::npos);
      },
      options);
}

TEST_CASE("a page that stands still on the way round another block is cut, and comes whole at the next try") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    auto& world = t.lines.world;
    world.with_encrypted = true;
    NameAnswer lie;
    lie.error = make_error_code(Errc::name_not_found);
    lie.doubt = Signal::dns_nxdomain;
    world.names["a.example"] = lie;
    world.encrypted.emplace("a.example", std::vector{asio::ip::make_address("93.184.7.7")});
    t.lines.direct.freeze_at = 16'000;
    const auto first = co_await t.load("a.example");
    CHECK(first.way == "direct with encrypted DNS");
    CHECK(first.error);
    CHECK(t.signal() == "dns_nxdomain");
    const auto second = co_await t.load("a.example");
    CHECK(second.way == "tunnel");
    CHECK(second.size >= kPage);
    const bool learnt = co_await until([&] { return t.signal() == "frozen"; });
    CHECK(learnt);
    CHECK((co_await t.load("a.example")).way == "tunnel");
  });
}

TEST_CASE("a ServerHello does not acquit a site that stands still") {
  auto options = quick_options();
  options.first_expiry = 6s;
  options.background_probes = true;
  with_lines(
      [](Trial t) -> asio::awaitable<void> {
        t.lines.direct.freeze_at = 16'000;
        (void)co_await t.load("a.example");
        const bool learnt = co_await until([&] { return t.signal() == "frozen"; });
        CHECK(learnt);
        const bool renewed = co_await until([&] {
          const auto why = t.router.why("a.example");
          return why.contains("step") && why.at("step").as_int64() == 1;
        });
        CHECK(renewed);
        CHECK(t.signal() == "frozen");
      },
      options);
}

TEST_CASE("a page that stands still by every way convicts nobody") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.freeze_at = t.lines.tunnel.freeze_at = 16'000;
    const auto first = co_await t.load("a.example");
    CHECK(first.error);
    const auto tunnelled = t.lines.tunnel_dials;
    const bool proved = co_await until([&] { return t.lines.tunnel_dials > tunnelled; });
    CHECK(proved);
    co_await rest(5s);
    CHECK(t.router.convictions().empty());
    CHECK(std::string(t.router.why("a.example").at("way").as_string()) == "direct");
  });
}

TEST_CASE("a connection that stands still while nothing answers anew is left alone") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.freeze_at = 16'000;
    std::optional<Loaded> loaded;
    TaskGroup browser(t.lines.executor);
    const auto visit = [](Trial trial, std::optional<Loaded>& into) -> asio::awaitable<void> {
      into = co_await trial.load("a.example");
    };
    browser.spawn(visit(t, loaded));
    co_await rest(500ms);
    t.lines.direct.cut = t.lines.tunnel.cut = true;
    co_await rest(4s);
    CHECK(!loaded);
    CHECK(t.router.convictions().empty());
    browser.cancel();
    co_await browser.join();
  });
}

TEST_CASE("a site that crawls directly and not by the tunnel is convicted") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    for (const auto* host : {"one.com", "two.org", "three.net"}) {
      const auto usual = co_await t.load(host);
      CHECK(!usual.error);
    }
    t.lines.direct.rate = 15e3;
    std::optional<Loaded> loaded;
    TaskGroup browser(t.lines.executor);
    const auto visit = [](Trial trial, std::optional<Loaded>& into) -> asio::awaitable<void> {
      into = co_await trial.load("a.example");
    };
    browser.spawn(visit(t, loaded));
    co_await rest(5s);
    const auto second = co_await t.load("a.example");
    CHECK(second.way == "tunnel");
    CHECK(second.size >= kPage);
    const bool learnt = co_await until([&] { return t.signal() == "throttled"; });
    CHECK(learnt);
    const bool ended = co_await until([&] { return loaded.has_value(); });
    CHECK(ended);
    CHECK(loaded->size >= kPage);  // it moved, and was let
    co_await browser.join();
  });
}

TEST_CASE("a site that crawls by every way is not convicted") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.rate = t.lines.tunnel.rate = 20e3;
    const auto first = co_await t.load("a.example");
    CHECK(!first.error);
    co_await rest(5s);
    CHECK(t.router.convictions().empty());
    const auto way = std::string(t.router.why("a.example").at("way").as_string());
    CHECK(way == "direct");
  });
}

TEST_CASE(
    "a certificate that the browser refuses here and the tunnel verifies convicts, and warns of others") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.impostor = true;
    const auto first = co_await t.load("a.example");
    CHECK(first.error);
    CHECK(first.way == "direct");
    const bool learnt = co_await until([&] { return t.signal() == "tls_certificate"; });
    CHECK(learnt);
    const auto second = co_await t.load("a.example");
    CHECK(!second.error);
    CHECK(second.way == "tunnel");
    const auto other = co_await t.load("b.example");
    CHECK(!other.error);
    CHECK(other.way == "tunnel");
  });
}

TEST_CASE("a certificate that is refused everywhere is the site's own") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.impostor = t.lines.tunnel.impostor = true;
    const auto first = co_await t.load("a.example");
    CHECK(first.error);
    const bool looked = co_await until([&] { return t.lines.tunnel_dials > 0; });
    CHECK(looked);
    co_await rest(200ms);
    CHECK(t.router.convictions().empty());
  });
}

TEST_CASE("a proof brings 64 KB, or all that a small site gives") {
  const auto make = [](asio::io_context& io) -> asio::awaitable<void> {
    World world(io.get_executor());
    Lines lines(world);
    auto parts = world.parts();
    LineConnector connector(lines);
    AttemptTools tools;
    tools.names = parts.names.get();
    tools.connector = &connector;
    const Endpoint to("a.example", 443);
    const auto trusts = surang::test::make_tls_client(lines.site.certificate_pem);
    const RaceLimits limits;
    const auto prove = [&] {
      return bulk_proof(io.get_executor(), tools, limits, Way::direct, to, "a.example", trusts);
    };
    auto result = co_await prove();
    CHECK(result.complete);
    CHECK(result.bytes >= kCredit);
    CHECK(result.bytes < kCredit + 40'000);
    lines.direct.page = 500;
    result = co_await prove();
    CHECK(result.complete);
    CHECK(result.bytes > 16 * 500);
    CHECK(lines.direct_dials == 2);
    lines.direct.page = kPage;
    lines.direct.freeze_at = 20'000;
    result = co_await prove();
    CHECK(!result.complete);
    CHECK(result.stalled);
    CHECK(result.bytes == 20'000);
    lines.direct = {};
    lines.direct.impostor = true;
    result = co_await prove();
    CHECK(result.error == Errc::certificate);
    lines.direct.cut = true;
    result = co_await prove();
    CHECK(result.error);
    CHECK(result.bytes == 0);
    lines.tasks.cancel();
    co_await lines.tasks.join();
    co_await world.close();
  };
  surang::test::run(make);
}

TEST_CASE("a sensitive host that stands still is asked for by no flight of our own") {
  auto options = quick_options();
  options.sensitive = {"a.example"};
  with_lines(
      [](Trial t) -> asio::awaitable<void> {
        t.lines.direct.freeze_at = 16'000;
        TaskGroup browser(co_await asio::this_coro::executor);
        browser.spawn([](Trial of) -> asio::awaitable<void> { (void)co_await of.load("a.example"); }(t));
        co_await rest(5s);  // longer than a freeze takes to be seen
        CHECK(t.lines.direct_dials == 1);
        CHECK(t.lines.tunnel_dials == 0);
        browser.cancel();
        co_await browser.join();
      },
      options);
}

TEST_CASE("a page that stands still after 95 KB is cut as well, and a proof asks for more than that") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.freeze_at = 95'000;
    const auto first = co_await t.load("a.example");
    CHECK(first.way == "direct");
    CHECK(first.error);
    CHECK(first.size > 64'000);
    const auto second = co_await t.load("a.example");
    CHECK(second.way == "tunnel");
    CHECK(second.size >= kPage);
    const bool learnt = co_await until([&] { return t.signal() == "frozen"; });
    CHECK(learnt);
  });
}

TEST_CASE("a site whose front page is small is believed frozen by its own connections, and stays so") {
  auto options = quick_options();
  options.first_expiry = 8s;
  options.background_probes = true;
  with_lines(
      [](Trial t) -> asio::awaitable<void> {
        t.lines.direct.freeze_at = 30'000;
        t.lines.direct.front = t.lines.tunnel.front = 300;
        for (int times = 1; times <= 3; ++times) {
          CHECK(t.router.convictions().empty());
          const auto first = co_await t.load("a.example");
          CHECK(first.way == "direct");
          CHECK(first.error);
          const auto second = co_await t.load("a.example");
          CHECK(second.way == "tunnel");
          CHECK(second.size >= kPage);
          if (times < 3) co_await rest(6s);  // no longer leans, and not of the same moment
        }
        const bool learnt = co_await until([&] { return t.signal() == "frozen"; });
        CHECK(learnt);
        (void)co_await t.load("a.example");  // in use: it is tried again, with a front page that comes whole
        const auto dials = t.lines.direct_dials;
        const bool retested = co_await until([&] { return t.lines.direct_dials > dials + 1; });
        CHECK(retested);
        co_await rest(300ms);
        CHECK(t.signal() == "frozen");
      },
      options);
}

TEST_CASE("without a tunnel an evasion that carries more goes round what stands still") {
  auto options = quick_options();
  options.evasion = true;
  with_lines(
      [](Trial t) -> asio::awaitable<void> {
        t.lines.direct.freeze_at = 16'000;
        t.lines.direct.by_name = true;
        const auto first = co_await t.load("a.example");
        CHECK(first.way == "direct");
        CHECK(first.error);
        const auto second = co_await t.load("a.example");
        CHECK(second.way == "direct with a fragmented hello");
        CHECK(second.size >= kPage);
        const bool learnt = co_await until([&] { return t.signal() == "frozen"; });
        CHECK(learnt);
      },
      options, false);
}

TEST_CASE("without a tunnel nothing is cut where nothing goes round it, and why says what would") {
  auto options = quick_options();
  options.evasion = true;
  with_lines(
      [](Trial t) -> asio::awaitable<void> {
        t.lines.direct.freeze_at = 16'000;
        std::optional<Loaded> loaded;
        TaskGroup browser(t.lines.executor);
        const auto visit = [](Trial trial, std::optional<Loaded>& into) -> asio::awaitable<void> {
          into = co_await trial.load("a.example");
        };
        browser.spawn(visit(t, loaded));
        const bool said = co_await until([&] {
          return t.router.why("a.example").at("text").as_string().find("bridge") != std::string::npos;
        });
        CHECK(said);
        CHECK(!loaded);
        CHECK(t.router.convictions().empty());
        browser.cancel();
        co_await browser.join();
      },
      options, false);
}

TEST_CASE("a sensitive host leans on the tunnel when others went on, and is still asked for by nobody") {
  auto options = quick_options();
  options.sensitive = {"a.example"};
  options.hedge_delay = 1s;
  with_lines(
      [](Trial t) -> asio::awaitable<void> {
        std::optional<Loaded> loaded, other;
        TaskGroup browser(t.lines.executor);
        const auto visit = [](Trial trial, std::string host,
                              std::optional<Loaded>& into) -> asio::awaitable<void> {
          into = co_await trial.load(std::move(host), trial.lines.direct.page);
        };
        t.lines.direct.rate = 40e3;  // for long enough
        t.lines.direct.page = 300 * 1024;
        browser.spawn(visit(t, "one.com", other));
        co_await rest(100ms);
        t.lines.direct = {};
        t.lines.direct.freeze_at = 16'000;
        browser.spawn(visit(t, "a.example", loaded));
        const bool cut = co_await until([&] { return loaded.has_value(); });
        REQUIRE(cut);
        CHECK(loaded->error);
        CHECK(t.lines.direct_dials == 2);
        const auto dials = t.lines.direct_dials;
        const auto second = co_await t.load("a.example");
        CHECK(second.way == "tunnel");
        CHECK(t.lines.direct_dials == dials);
        browser.cancel();
        co_await browser.join();
      },
      options);
}
