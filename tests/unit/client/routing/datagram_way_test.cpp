// Which way datagrams go.
#include <doctest.h>

#include <array>
#include <boost/asio/ip/udp.hpp>

#include "client/routing/router.hpp"
#include "tests/support/run.hpp"
#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;
using DatagramWay = Outbound::DatagramWay;

namespace {

class NoDatagrams final : public DatagramOpener {
 public:
  asio::awaitable<Result<DatagramFlowPtr>> open() override {
    ++asked;
    co_return make_error_code(Errc::limit);
  }
  int asked = 0;
};

DatagramWay datagrams_go(Router& router, const char* to, std::string site = {}) {
  const auto endpoint = *Endpoint::parse(to);
  return router.datagram_way(endpoint, site.empty() ? endpoint.host() : site);
}

}  // namespace

TEST_CASE("datagrams go where rules and verdicts have it") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io.get_executor());
    world.direct["blocked.example"] = Shows::reset;
    VerdictStore store({});
    auto options = quick_options();
    options.rules = {{config::RuleAction::never, "ads.example"},
                     {config::RuleAction::always_tunnel, "work.example"},
                     {config::RuleAction::always_tunnel, "192.0.2.0/24"},
                     {config::RuleAction::always_direct, "home.example"}};
    NoDatagrams by_bridge;
    auto parts = world.parts();
    parts.datagrams = &by_bridge;
    Router router(io.get_executor(), options, &world.tunnel_dialer(), store, std::move(parts));
    CHECK(datagrams_go(router, "ads.example:443") == DatagramWay::refused);
    CHECK(datagrams_go(router, "work.example:443") == DatagramWay::tunnel);
    CHECK(datagrams_go(router, "192.0.2.9:53") == DatagramWay::tunnel);
    CHECK(datagrams_go(router, "home.example:443") == DatagramWay::direct);
    // By the name that they show, as connections go; a rule for the address stands above it.
    CHECK(datagrams_go(router, "93.184.1.1:443", "work.example") == DatagramWay::tunnel);
    CHECK(datagrams_go(router, "93.184.1.1:443", "ads.example") == DatagramWay::refused);
    CHECK(datagrams_go(router, "192.0.2.9:443", "home.example") == DatagramWay::tunnel);
    CHECK(datagrams_go(router, "open.example:443") == DatagramWay::direct);
    CHECK(datagrams_go(router, "blocked.example:443") == DatagramWay::direct);
    auto opened =
        co_await router.open(Endpoint("blocked.example", 80), http_flight("GET", "blocked.example"), nullptr);
    CHECK(opened.has_value());
    const bool convicted =
        co_await until([&] { return datagrams_go(router, "blocked.example:443") == DatagramWay::tunnel; });
    CHECK(convicted);
    CHECK(datagrams_go(router, "93.184.1.1:443", "blocked.example") == DatagramWay::tunnel);
    const auto by_tunnel = co_await router.open_datagrams(DatagramWay::tunnel);
    REQUIRE(by_tunnel.has_error());
    CHECK(by_tunnel.error() == Errc::limit);
    CHECK(by_bridge.asked == 1);
    const auto direct = co_await router.open_datagrams(DatagramWay::direct);
    CHECK(direct.has_value());
    opened = make_error_code(Errc::closed);
    co_await router.stop();
    co_await world.close();
  });
}

TEST_CASE("without a bridge datagrams go directly, but where a rule wants one") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io.get_executor());
    VerdictStore store({});
    auto options = quick_options();
    options.rules = {{config::RuleAction::always_tunnel, "work.example"}};
    Router router(io.get_executor(), options, nullptr, store, world.parts());
    CHECK(datagrams_go(router, "open.example:443") == DatagramWay::direct);
    CHECK(datagrams_go(router, "work.example:443") == DatagramWay::refused);
    co_await router.stop();
    co_await world.close();
  });
}

TEST_CASE("what a guest sends directly reaches public addresses alone") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    using asio::ip::udp;
    World world(io.get_executor());
    VerdictStore store({});
    Router router(io.get_executor(), quick_options(), nullptr, store, world.parts());
    udp::socket inside(io, udp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    const Endpoint to(asio::ip::make_address("127.0.0.1"), inside.local_endpoint().port());
    const std::array<std::uint8_t, 4> word{'w', 'o', 'r', 'd'};
    for (const auto way : {DatagramWay::direct_public, DatagramWay::direct}) {
      auto flow = co_await router.open_datagrams(way);
      REQUIRE(flow.has_value());
      (*flow)->send(to, word);
      const bool heard = co_await until([&] { return inside.available() > 0; }, 1s);
      CHECK(heard == (way == DatagramWay::direct));
      (*flow)->close();
    }
    co_await router.stop();
    co_await world.close();
  });
}
