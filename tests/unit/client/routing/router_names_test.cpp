// A connection whose name server lies: what is believed, and which way goes round it.
#include <doctest.h>

#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

TEST_CASE("a lying name server is passed by encrypted DNS, or by the tunnel") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        const auto truth = asio::ip::make_address("93.184.7.7");
        NameAnswer gone;
        gone.error = make_error_code(Errc::name_not_found);
        gone.doubt = Signal::dns_nxdomain;
        NameAnswer bogon;
        bogon.addresses.push_back(asio::ip::make_address("10.10.34.35"));
        bogon.doubt = Signal::dns_bogon;
        world.names["nx.example"] = gone;
        world.names["bogon.example"] = bogon;
        world.names["both.example"] = gone;
        world.names["typo.example"] = gone;
        world.names["intranet.example"] = bogon;
        world.encrypted.emplace("nx.example", std::vector{truth});
        world.encrypted.emplace("bogon.example", std::vector{truth});
        world.encrypted.emplace("typo.example", make_error_code(Errc::name_not_found));
        world.encrypted.emplace("intranet.example", make_error_code(Errc::name_not_found));
        world.tunnel["typo.example"] = Shows::down;
        world.at_address["10.10.34.35"] = Shows::syn_silence;

        CHECK((co_await visit(router, "nx.example")).way == "direct with encrypted DNS");
        CHECK((co_await visit(router, "both.example")).way == "tunnel");
        CHECK((co_await visit(router, "typo.example")).error == Errc::name_not_found);
        CHECK(!world.tunnel_dials.contains("typo.example"));
        const auto hedged = co_await visit(router, "bogon.example");
        CHECK(!hedged.error);
        const bool learnt = co_await until([&] { return router.convictions().size() == 3; });
        CHECK(learnt);
        CHECK(router.why("nx.example").at("way").as_string() == "direct with encrypted DNS");
        CHECK(router.why("both.example").at("way").as_string() == "tunnel");

        // A private address that encrypted DNS does not contradict belongs to the network itself.
        world.at_address.erase("10.10.34.35");
        CHECK((co_await visit(router, "intranet.example")).way == "direct");
        CHECK(world.trusted.contains("intranet.example"));
      },
      quick_options(), true, true);
}

TEST_CASE("a lie that leads to a server with a certificate of its own is seen before the browser sees it") {
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        NameAnswer lie;
        lie.addresses.push_back(asio::ip::make_address("93.184.66.6"));
        lie.thin = true;
        world.names["x.example"] = world.names["own.example"] = lie;
        world.at_address["93.184.66.6"] = Shows::impostor;
        world.encrypted.emplace("x.example", std::vector{asio::ip::make_address("93.184.7.7")});
        CHECK((co_await visit(router, "x.example")).way == "direct with encrypted DNS");
        // Where encrypted DNS says the same, somebody may sit in between: the tunnel goes round that. A site
        // that shows such a certificate there too is left to the browser from then on.
        world.encrypted.emplace("own.example", std::vector{asio::ip::make_address("93.184.66.6")});
        world.tunnel["own.example"] = Shows::impostor;
        CHECK((co_await visit(router, "own.example")).way == "tunnel");
        const bool settled =
            co_await until([&] { return router.why("own.example").at("way").as_string() == "direct"; });
        CHECK(settled);
        CHECK((co_await visit(router, "own.example")).way == "direct");
        CHECK(router.convictions().empty());
      },
      quick_options(), true, true);
}
