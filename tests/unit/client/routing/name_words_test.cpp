// What captured DNS is told of a name: by verdicts and rules, and by all who can be asked whether there is
// such a name.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

namespace {

Outbound::Standing standing_of(Router& router, const std::string& name) {
  return router.standing(Endpoint(name, 443), name);
}

}  // namespace

TEST_CASE("a name stands for something unless nobody knows it") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        const auto inside = asio::ip::make_address("10.10.34.35");
        NameAnswer gone;
        gone.error = make_error_code(Errc::name_not_found);
        gone.doubt = Signal::dns_nxdomain;
        NameAnswer bogon;
        bogon.addresses.push_back(inside);
        bogon.doubt = Signal::dns_bogon;
        for (const auto* name : {"nx.example", "typo.example", "unasked.example"}) world.names[name] = gone;
        for (const auto* name : {"bogon.example", "intranet.example"}) world.names[name] = bogon;
        for (const auto* name : {"nx.example", "bogon.example"})
          world.encrypted.emplace(name, std::vector{asio::ip::make_address("93.184.7.7")});
        for (const auto* name : {"typo.example", "intranet.example"})
          world.encrypted.emplace(name, make_error_code(Errc::name_not_found));
        world.encrypted.emplace("unasked.example", make_error_code(Errc::timed_out));

        for (const auto* name : {"open.example", "nx.example", "bogon.example", "unasked.example"}) {
          const auto word = co_await router.look_up(name);
          CHECK_MESSAGE(word.exists, name);
          CHECK_MESSAGE(word.own.empty(), name);
        }
        CHECK(!(co_await router.look_up("typo.example")).exists);
        const auto own = co_await router.look_up("intranet.example");
        CHECK(own.exists);
        CHECK((own.own == std::vector{inside}));
      },
      quick_options(), true, true);
}

TEST_CASE("what is known of a name by rules and verdicts") {
  using Standing = Outbound::Standing;
  using config::RuleAction;
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        NameAnswer gone;
        gone.error = make_error_code(Errc::name_not_found);
        gone.doubt = Signal::dns_nxdomain;
        for (const auto* name : {"nx.example", "both.example"}) world.names[name] = gone;
        world.encrypted.emplace("nx.example", std::vector{asio::ip::make_address("93.184.7.7")});
        CHECK((standing_of(router, "both.example") == Standing::open));
        CHECK((co_await visit(router, "nx.example")).way == "direct with encrypted DNS");
        CHECK((co_await visit(router, "both.example")).way == "tunnel");
        const bool learnt = co_await until([&] { return router.convictions().size() == 2; });
        CHECK(learnt);
        CHECK((standing_of(router, "nx.example") == Standing::blocked));
        CHECK((standing_of(router, "both.example") == Standing::tunnelled));
        CHECK((standing_of(router, "open.example") == Standing::open));
        CHECK((standing_of(router, "localhost") == Standing::own));
        // The name that a flight shows, at an address.
        CHECK((router.standing(Endpoint("93.184.7.7", 443), "both.example") == Standing::tunnelled));

        std::vector<config::Rule> rules{{RuleAction::never, "ads.example"},
                                        {RuleAction::always_tunnel, "far.example"},
                                        {RuleAction::always_direct, "both.example"}};
        router.set_rules(std::move(rules));
        CHECK((standing_of(router, "ads.example") == Standing::refused));
        CHECK((standing_of(router, "far.example") == Standing::tunnelled));
        CHECK((standing_of(router, "both.example") == Standing::own));
      },
      quick_options(), true, true);
}
