#include "client/routing_switch.hpp"

#include <doctest.h>

#include "tests/support/run.hpp"
#include "tests/unit/client/routing/scripted_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

TEST_CASE("a Router that is replaced lives until what it opens is open") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io.get_executor());
    world.slow_by = 1500ms;  // longer than a Router takes to be made on a busy machine
    world.direct["x.example"] = Shows::slow;
    VerdictStore store({});
    auto options = quick_options();
    options.hedge_delay = 3s;
    const auto make = [&] {
      return std::make_shared<Router>(io.get_executor(), options, nullptr, store, world.parts());
    };
    RoutingSwitch routing(io.get_executor());
    routing.set(make());
    const std::weak_ptr<Router> first = routing.hold();
    std::string way;
    TaskGroup browser(io.get_executor());
    browser.spawn([](RoutingSwitch& r, std::string& by) -> asio::awaitable<void> {
      auto opened = co_await r.open(Endpoint("x.example", 80), http_flight("GET", "x.example"), nullptr);
      if (opened) by = opened->way;
    }(routing, way));
    co_await rest(20ms);
    routing.set(make());
    co_await rest(120ms);
    CHECK(way.empty());
    CHECK(!first.expired());
    co_await browser.join();
    CHECK(way == "direct");
    const bool gone = co_await until([&] { return first.expired(); });
    CHECK(gone);
    co_await routing.stop();
    co_await world.close();
  });
}
