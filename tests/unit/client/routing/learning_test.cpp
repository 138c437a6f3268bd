// What is learnt behind the browser's back, and what must not be: second looks, outages, flights that may be
// said once, retests.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"
#include "transports/core/task_group.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

namespace {

asio::awaitable<void> visit_into(Router& router, std::string host, std::vector<Visit>& visits) {
  auto v = co_await visit(router, std::move(host));
  visits.push_back(std::move(v));
}

}  // namespace

TEST_CASE("a silence that chance explains is looked at again and convicts nobody") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.lost_connects["x.example"] = 1;
    const auto v = co_await visit(router, "x.example");
    CHECK(v.way == "tunnel");
    CHECK(way_of(router, "x.example") == "tunnel");  // until it is known
    const bool settled = co_await until([&] { return way_of(router, "x.example") == "direct"; });
    CHECK(settled);
    CHECK(world.direct_dials["x.example"] == 2);
    CHECK(router.convictions().empty());
  });
}

TEST_CASE("an outage that ends while visits are pending convicts nobody") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    const std::vector<std::string> hosts{"one.com", "two.org", "three.net", "four.com"};
    std::vector<Visit> visits;
    world.away = true;
    TaskGroup browser(co_await asio::this_coro::executor);
    for (const auto& host : hosts) browser.spawn(visit_into(router, host, visits));
    co_await rest(1s);  // longer than a silence takes to count
    CHECK(visits.empty());
    world.away = false;
    const bool served = co_await until([&] { return visits.size() == hosts.size(); });
    CHECK(served);
    for (const auto& v : visits) CHECK(v.way == "tunnel");
    const bool settled = co_await until([&] {
      for (const auto& host : hosts)
        if (way_of(router, host) != "direct") return false;
      return true;
    });
    CHECK(settled);
    CHECK(router.convictions().empty());
    co_await browser.join();
  });
}

TEST_CASE("a tunnel that dies with the network while a silence is confirmed convicts nobody") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["x.example"] = Shows::silent;
    const auto v = co_await visit(router, "x.example");
    CHECK(v.way == "tunnel");
    world.tunnel["x.example"] = Shows::dead;
    const bool settled = co_await until([&] { return way_of(router, "x.example") == "direct"; });
    CHECK(settled);
    CHECK(router.convictions().empty());
  });
}

TEST_CASE("unrelated sites silent together are convicted one by one, when the network is above suspicion") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    const std::vector<std::string> hosts{"one.com", "two.org", "three.net"};
    std::vector<Visit> visits;
    TaskGroup browser(co_await asio::this_coro::executor);
    for (const auto& host : hosts) {
      world.direct[host] = Shows::silent;
      browser.spawn(visit_into(router, host, visits));
    }
    const bool learnt = co_await until([&] { return router.convictions().size() == hosts.size(); }, 60s);
    CHECK(learnt);
    // The first and second look of each was at a time when all looked like an outage.
    for (const auto& host : hosts) CHECK(world.direct_dials[host] >= 3);
    for (const auto& v : visits) CHECK(v.way == "tunnel");
    co_await browser.join();
  });
}

TEST_CASE("the sockets of one page to one blocked host are one conclusion") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    for (const auto shows : {Shows::silent, Shows::reset}) {
      const std::string host = shows == Shows::silent ? "a.example" : "b.example";
      world.direct[host] = shows;
      std::vector<Visit> visits;
      TaskGroup browser(co_await asio::this_coro::executor);
      for (int i = 0; i < 6; ++i) browser.spawn(visit_into(router, host, visits));
      const bool learnt = co_await until([&] { return router.why(host).contains("signal"); });
      CHECK(learnt);
      co_await browser.join();
      CHECK(router.why(host).at("evidence").as_array().size() == 2);
      CHECK(world.direct_dials[host] <= 8);  // a socket each, and two looks
    }
    CHECK(router.convictions().size() == 2);
  });
}

TEST_CASE("a request that may be said once teaches by silence and by a quiet end") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.heard = false;
    world.direct["mute.example"] = Shows::silent;
    const auto mute = co_await visit(router, "mute.example", http_flight("POST", "mute.example"), 80);
    CHECK(mute.way == "direct");
    const bool silence = co_await until([&] { return router.convictions().size() == 1; });
    CHECK(silence);
    CHECK(world.posts["POST mute.example"] == 1);

    world.heard = true;
    world.direct["fin.example"] = Shows::fin;
    const auto fin = co_await visit(router, "fin.example", http_flight("POST", "fin.example"), 80);
    REQUIRE(fin.watch);
    fin.watch->ended(0, false, {});
    const bool end = co_await until([&] { return router.convictions().size() == 2; });
    CHECK(end);
    CHECK(world.posts["POST fin.example"] == 1);
  });
}

TEST_CASE("nothing is asked where the browser left, was answered, or said nothing") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    const std::vector<std::string> hosts{"left.example", "heard.example", "idle.example"};
    for (const auto& host : hosts) world.direct[host] = Shows::silent;
    auto left = co_await visit(router, "left.example", http_flight("POST", "left.example"), 80);
    REQUIRE(left.watch);
    left.watch->ended(0, true, {});
    left.watch.reset();
    const auto heard = co_await visit(router, "heard.example", http_flight("POST", "heard.example"), 80);
    FirstFlight nothing;
    auto idle = co_await visit(router, "idle.example", nothing, 80);
    REQUIRE(idle.watch);
    idle.watch->ended(0, false, {});
    co_await rest(1500ms);  // the silence limit twice
    for (const auto& host : hosts) CHECK(world.direct_dials[host] == 1);
  });
}

TEST_CASE("a session that was dead without knowing is dialled once more, for what may be repeated") {
  auto options = quick_options();
  options.rules = {{config::RuleAction::always_tunnel, "work.example"}};
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.lost_sessions = 1;
        CHECK((co_await visit(router, "work.example")).way == "tunnel");
        CHECK(world.tunnel_dials["work.example"] == 2);
        world.lost_sessions = 2;
        CHECK((co_await visit(router, "work.example")).error);
        CHECK(world.tunnel_dials["work.example"] == 4);
        world.lost_sessions = 1;
        const auto post = co_await visit(router, "work.example", http_flight("POST", "work.example"), 80);
        CHECK(post.way == "tunnel");
        co_await rest(50ms);
        CHECK(world.tunnel_dials["work.example"] == 5);
      },
      options);
}

TEST_CASE("a name in the hosts file goes there and nowhere else") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.pinned.insert("mine.example");
        world.direct["mine.example"] = Shows::reset;
        world.encrypted.emplace("mine.example", std::vector{asio::ip::make_address("93.184.7.7")});
        CHECK((co_await visit(router, "mine.example")).error == asio::error::connection_reset);
        const auto post = co_await visit(router, "mine.example", http_flight("POST", "mine.example"), 80);
        CHECK(post.way == "direct");
        CHECK(!post.watch);
        CHECK((co_await router.check("mine.example")).at("ways").as_array().size() == 1);
        co_await rest(200ms);
        CHECK(world.tunnel_dials.empty());
        CHECK(router.convictions().empty());
      },
      quick_options(), true, true);
}

TEST_CASE("a true address that stops working gives way to the tunnel") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        NameAnswer gone;
        gone.error = make_error_code(Errc::name_not_found);
        gone.doubt = Signal::dns_nxdomain;
        world.names["x.example"] = gone;
        world.encrypted.emplace("x.example", std::vector{asio::ip::make_address("93.184.7.7")});
        CHECK((co_await visit(router, "x.example")).way == "direct with encrypted DNS");
        const bool learnt =
            co_await until([&] { return way_of(router, "x.example") == "direct with encrypted DNS"; });
        CHECK(learnt);
        world.at_address["93.184.7.7"] = Shows::reset;
        CHECK((co_await visit(router, "x.example")).way == "tunnel");
        const bool more = co_await until([&] { return way_of(router, "x.example") == "tunnel"; });
        CHECK(more);
        // A name server that tells the truth by now does not take that way from it.
        world.names.erase("x.example");
        CHECK((co_await visit(router, "x.example")).way == "tunnel");
      },
      quick_options(), true, true);
}

TEST_CASE("a site that works on a request for long is not convicted, and has until the end of the budget") {
  auto options = quick_options();
  options.total_budget = 1s;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["busy.example"] = Shows::busy;
        world.slow_by = 2s;
        const auto v = co_await visit(router, "busy.example", http_flight("GET", "busy.example"), 80);
        CHECK(v.way == "tunnel");
        const bool settled = co_await until([&] { return way_of(router, "busy.example") == "direct"; });
        CHECK(settled);
        CHECK(router.convictions().empty());

        world.tunnel["busy.example"] = Shows::dead;
        const auto late = co_await visit(router, "busy.example", http_flight("GET", "busy.example"), 80);
        CHECK(late.way == "direct");
        REQUIRE(late.stream);
        std::vector<char> answer(512);
        const auto n = co_await late.stream->read_some(asio::buffer(answer));
        REQUIRE(n);
        CHECK(std::string(answer.data(), *n).starts_with("HTTP/1.1 200"));
      },
      options);
}

TEST_CASE("a name server's silence is asked about again, not remembered") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    NameAnswer silent;
    silent.error = make_error_code(Errc::timed_out);
    silent.doubt = Signal::dns_silence;
    world.names["x.example"] = silent;
    CHECK((co_await visit(router, "x.example")).way == "tunnel");
    const bool learnt = co_await until([&] { return router.convictions().size() == 1; });
    CHECK(learnt);
    CHECK(world.names_forgotten.contains("x.example"));

    NameAnswer no_descriptors;
    no_descriptors.error = asio::error::no_descriptors;
    no_descriptors.doubt = Signal::other;
    world.names["y.example"] = no_descriptors;
    CHECK((co_await visit(router, "y.example")).way == "tunnel");
    const bool settled = co_await until([&] { return way_of(router, "y.example") == "direct"; });
    CHECK(settled);
    CHECK(router.convictions().size() == 1);
  });
}

TEST_CASE("an address that answers again is found out by the retests of its names") {
  auto options = quick_options();
  options.first_expiry = 6s;
  options.background_probes = true;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        NameAnswer shared;
        shared.addresses.push_back(asio::ip::make_address("93.184.9.9"));
        world.at_address["93.184.9.9"] = Shows::refused;
        for (const auto* host : {"one.net", "two.org", "three.com"}) world.names[host] = shared;
        for (const auto* host : {"one.net", "two.org"}) (void)co_await visit(router, host);
        const bool learnt = co_await until([&] { return router.convictions().size() == 3; });
        CHECK(learnt);  // two names and their address
        world.at_address.erase("93.184.9.9");
        const bool recovered = co_await until([&] {
          for (const auto* host : {"one.net", "two.org"}) {
            const auto why = router.why(host);
            if (why.at("text").as_string().find("works again") == std::string::npos) return false;
          }
          return router.convictions().empty();
        });
        CHECK(recovered);
        CHECK((co_await visit(router, "three.com")).way == "direct");
      },
      options);
}

TEST_CASE("retests go side by side, so that silent sites are all renewed in time") {
  auto options = quick_options();
  options.first_expiry = 6s;
  options.background_probes = true;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        const std::vector<std::string> hosts{"a.example", "b.example", "c.example", "d.example"};
        for (const auto& host : hosts) {
          world.direct[host] = Shows::reset;
          (void)co_await visit(router, host);
        }
        const bool learnt = co_await until([&] { return router.convictions().size() == hosts.size(); });
        CHECK(learnt);
        for (const auto& host : hosts) world.direct[host] = Shows::syn_silence;
        const bool renewed = co_await until([&] {
          for (const auto& host : hosts) {
            const auto why = router.why(host);
            if (!why.contains("step") || why.at("step").as_int64() != 1) return false;
          }
          return true;
        });
        CHECK(renewed);
      },
      options);
}
