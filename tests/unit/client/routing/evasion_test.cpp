// Ways round a block that need no bridge: in flight, behind the browser's back, by a verdict, and not at all.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

namespace {

constexpr const char* kFragmented = "direct with a fragmented hello";
constexpr const char* kSplit = "direct with a split hello";
constexpr const char* kOther = "direct to another address";

config::ClientOptions evading_options() {
  auto options = quick_options();
  options.evasion = true;
  return options;
}

asio::awaitable<bool> learns(Router& router, std::string host, std::string way) {
  return until(
      [&router, host, way] { return router.why(host).contains("signal") && way_of(router, host) == way; });
}

NameAnswer both_families(int n) {
  NameAnswer answer;
  answer.addresses.push_back(asio::ip::make_address("2a00:93::" + std::to_string(n)));
  answer.addresses.push_back(asio::ip::make_address("93.184.9." + std::to_string(n)));
  return answer;
}

}  // namespace

TEST_CASE("a box that reads whole records is passed in flight, remembered, and the tunnel never dialled") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["x.example"] = Shows::by_record;
        CHECK((co_await visit(router, "x.example")).way == kFragmented);
        CHECK((co_await visit(router, "x.example")).way == kFragmented);  // while it is being confirmed
        const bool learnt = co_await learns(router, "x.example", kFragmented);
        CHECK(learnt);
        const auto why = router.why("x.example");
        CHECK(why.at("signal").as_string() == "tls_rst");
        CHECK(why.at("text").as_string().find("name sent in pieces") != std::string::npos);
        const auto dials = world.direct_dials["x.example"];
        CHECK((co_await visit(router, "x.example")).way == kFragmented);
        CHECK(world.direct_dials["x.example"] == dials + 1);
        CHECK(world.tunnel_dials.empty());
      },
      evading_options());
}

TEST_CASE("what the first evasion does not pass goes by the tunnel at once, and by the second from then on") {
  auto options = evading_options();
  options.hedge_delay = 400ms;  // memory streams do not tell what has arrived: a split waits its time
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["x.example"] = Shows::by_segment;
        const auto first = co_await visit(router, "x.example");
        CHECK(first.way == "tunnel");
        const bool learnt = co_await learns(router, "x.example", kSplit);
        CHECK(learnt);
        world.tunnel_dials.clear();
        CHECK((co_await visit(router, "x.example")).way == kSplit);
        CHECK(world.tunnel_dials.empty());
        // The next site here tries it first.
        world.direct["y.example"] = Shows::by_segment;
        const auto cut = world.cut_hellos["y.example"];
        (void)co_await visit(router, "y.example");
        CHECK(world.cut_hellos["y.example"] == cut);
        const bool too = co_await learns(router, "y.example", kSplit);
        CHECK(too);
      },
      options);
}

TEST_CASE("without any bridge the evasions follow each other in flight") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["record.example"] = Shows::by_record;
        world.direct["segment.example"] = Shows::by_segment;
        CHECK((co_await visit(router, "record.example")).way == kFragmented);
        CHECK((co_await visit(router, "segment.example")).way == kSplit);
        world.names["family.example"] = both_families(7);
        world.at_address["2a00:93::7"] = Shows::reset;
        CHECK((co_await visit(router, "family.example")).way == kOther);
        for (const auto& [host, way] :
             {std::pair("record.example", kFragmented), std::pair("segment.example", kSplit),
              std::pair("family.example", kOther)}) {
          const bool learnt = co_await learns(router, host, way);
          CHECK(learnt);
          CHECK((co_await visit(router, host)).way == way);
        }
        CHECK(router.why("family.example").at("family").as_string() == "ipv6");
        world.direct["down.example"] = Shows::reset;
        CHECK((co_await visit(router, "down.example")).error == asio::error::connection_reset);
        co_await rest(200ms);
        CHECK(router.convictions().size() == 3);
      },
      evading_options(), false);
}

TEST_CASE(
    "one family blocked by name, beside a bridge: found behind the browser's back, alone for that host") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        for (int n : {1, 2}) {
          const auto host = std::string(n == 1 ? "a" : "b") + ".blocked.com";
          world.names[host] = both_families(n);
          world.at_address["2a00:93::" + std::to_string(n)] = Shows::reset;
          (void)co_await visit(router, host);
          const bool learnt = co_await learns(router, host, kOther);
          CHECK(learnt);
          CHECK((co_await visit(router, host)).way == kOther);
        }
        CHECK(router.convictions().size() == 2);  // neither their domain nor their addresses
        CHECK((co_await visit(router, "c.blocked.com")).way == "direct");
      },
      evading_options());
}

TEST_CASE("two hosts that the same evasion serves speak for their domain") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        for (const std::string host : {"a.blocked.com", "b.blocked.com", "c.blocked.com"})
          world.direct[host] = Shows::by_record;
        for (const std::string host : {"a.blocked.com", "b.blocked.com"}) {
          (void)co_await visit(router, host);
          const bool learnt = co_await learns(router, host, kFragmented);
          CHECK(learnt);
        }
        CHECK((co_await visit(router, "c.blocked.com")).way == kFragmented);
        CHECK(world.direct_dials["c.blocked.com"] == 1);  // nobody saw its hello whole
        CHECK(world.cut_hellos["c.blocked.com"] == 1);
      },
      evading_options());
}

TEST_CASE("a silent box is passed as well, and what both ways prove is the evasion") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.names["x.example"] = both_families(3);
        world.at_address["2a00:93::3"] = Shows::silent;
        CHECK((co_await visit(router, "x.example")).way == "tunnel");
        const bool learnt = co_await learns(router, "x.example", kOther);
        CHECK(learnt);
        CHECK(router.why("x.example").at("signal").as_string() == "tls_silence");
      },
      evading_options());
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.names["x.example"] = both_families(3);
        world.at_address["2a00:93::3"] = Shows::silent;
        CHECK((co_await visit(router, "x.example")).way == kOther);
        const bool learnt = co_await learns(router, "x.example", kOther);
        CHECK(learnt);
      },
      evading_options(), false);
}

TEST_CASE("an evasion that stops working gives way to the next, and that is remembered") {
  for (const bool bridge : {true, false}) {
    with_router(
        [bridge](World& world, Router& router) -> asio::awaitable<void> {
          world.direct["x.example"] = Shows::by_record;
          CHECK((co_await visit(router, "x.example")).way == kFragmented);
          const bool learnt = co_await learns(router, "x.example", kFragmented);
          CHECK(learnt);
          world.direct["x.example"] = bridge ? Shows::reset : Shows::by_segment;
          const auto* next = bridge ? "tunnel" : kSplit;
          CHECK((co_await visit(router, "x.example")).way == next);
          const bool more = co_await learns(router, "x.example", next);
          CHECK(more);
          CHECK(router.convictions().size() == 1);
        },
        evading_options(), bridge);
  }
}

TEST_CASE("an evasion that stops working while the block is gone gives way to direct") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["x.example"] = Shows::by_record;
        (void)co_await visit(router, "x.example");
        const bool learnt = co_await learns(router, "x.example", kFragmented);
        CHECK(learnt);
        // Anything but a plain hello is refused now.
        world.names["x.example"] = both_families(4);
        world.at_address["2a00:93::4"] = Shows::refused;
        world.at_address["93.184.9.4"] = Shows::refused;
        CHECK((co_await visit(router, "x.example")).error);
        world.at_address.clear();
        world.direct["x.example"] = Shows::site;
        world.names.erase("x.example");
        CHECK(!(co_await visit(router, "x.example")).error);
      },
      evading_options(), false);
}

TEST_CASE("an evasion goes to the true addresses where the name server lies") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        NameAnswer gone;
        gone.error = make_error_code(Errc::name_not_found);
        gone.doubt = Signal::dns_nxdomain;
        world.names["x.example"] = gone;
        world.encrypted.emplace("x.example", std::vector{asio::ip::make_address("93.184.7.7")});
        world.at_address["93.184.7.7"] = Shows::by_record;
        CHECK((co_await visit(router, "x.example")).way == kFragmented);
        const bool learnt = co_await learns(router, "x.example", kFragmented);
        CHECK(learnt);
        CHECK((co_await visit(router, "x.example")).way == kFragmented);
      },
      evading_options(), true, true);
}

TEST_CASE("a hello is cut for nobody whose site works, by no rule, and not when it is switched off") {
  auto options = evading_options();
  options.rules = {{config::RuleAction::always_tunnel, "work.example"},
                   {config::RuleAction::always_direct, "bank.example"}};
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["x.example"] = world.direct["bank.example"] = world.direct["work.example"] =
            Shows::by_record;
        (void)co_await visit(router, "x.example");
        const bool learnt = co_await learns(router, "x.example", kFragmented);
        CHECK(learnt);
        CHECK((co_await visit(router, "open.example")).way == "direct");
        CHECK((co_await visit(router, "work.example")).way == "tunnel");
        CHECK((co_await visit(router, "bank.example")).error);
        world.direct["refused.example"] = Shows::refused;
        CHECK((co_await visit(router, "refused.example")).way == "tunnel");
        co_await rest(100ms);
        for (const auto* host : {"open.example", "work.example", "bank.example", "refused.example"}) {
          CHECK(world.cut_hellos[host] == 0);
          CHECK(world.split_hellos[host] == 0);
        }
        CHECK(world.direct_dials["work.example"] == 0);
        CHECK(world.direct_dials["bank.example"] == 1);
      },
      options);
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["x.example"] = Shows::by_record;
        CHECK((co_await visit(router, "x.example")).way == "tunnel");
        const bool learnt = co_await learns(router, "x.example", "tunnel");
        CHECK(learnt);
        co_await rest(100ms);
        CHECK(world.cut_hellos["x.example"] == 0);
      },
      quick_options());
}

TEST_CASE("a verdict by an evasion is retested, renewed and lifted without any bridge") {
  auto options = evading_options();
  options.first_expiry = 6s;
  options.background_probes = true;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        for (const auto* host : {"again.net", "still.org"}) {
          world.direct[host] = Shows::by_record;
          (void)co_await visit(router, host);
          const bool learnt = co_await learns(router, host, kFragmented);
          CHECK(learnt);
        }
        world.direct["again.net"] = Shows::site;
        const bool retested = co_await until([&] {
          const auto still = router.why("still.org");
          return still.contains("step") && still.at("step").as_int64() == 1 &&
                 way_of(router, "again.net") == "direct";
        });
        CHECK(retested);
        CHECK((co_await visit(router, "again.net")).way == "direct");
        CHECK((co_await visit(router, "still.org")).way == kFragmented);
      },
      options, false);
}

TEST_CASE("a site that answers everybody with an alert is convicted by no evasion") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["x.example"] = world.tunnel["x.example"] = Shows::alert;
        CHECK((co_await visit(router, "x.example")).way == "direct");
        co_await rest(300ms);
        CHECK(router.convictions().empty());
      },
      evading_options());
}

TEST_CASE("check tries the evasions that have a chance") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        world.direct["x.example"] = Shows::by_record;
        const auto blocked = co_await router.check("x.example");
        std::map<std::string, bool> works;
        for (const auto& way : blocked.at("ways").as_array())
          works[std::string(way.at("way").as_string())] = way.at("works").as_bool();
        CHECK(works == std::map<std::string, bool>{
                           {"direct", false}, {kFragmented, true}, {kSplit, false}, {"tunnel", true}});
        CHECK((co_await router.check("open.example")).at("ways").as_array().size() == 2);
      },
      evading_options());
}
