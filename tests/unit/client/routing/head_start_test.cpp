// Connections begun while the browser still makes its first flight.
#include <doctest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/attempt.hpp"
#include "client/detection/head_start.hpp"
#include "tests/unit/client/routing/scripted_world.hpp"
#include "transports/tcp/system_resolver.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;

namespace {

asio::awaitable<Visit> visit_begun(Router& router, std::string host, std::shared_ptr<HeadStart> begun) {
  auto flight = tls_probe_flight(host);
  return visit(router, std::move(host), std::move(flight), 443, std::move(begun));
}

}  // namespace

TEST_CASE("a connection begun before the first flight carries it, however far it has come") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    for (const auto wait : {0ms, 1ms, 50ms}) {
      auto begun = router.begin({"open.example", 443});
      REQUIRE(begun);
      if (wait > 0ms) co_await rest(wait);
      world.direct_dials.clear();
      const auto v = co_await visit_begun(router, "open.example", std::move(begun));
      CHECK(v.way == "direct");
      CHECK(world.direct_dials["open.example"] == 0);
      CHECK(world.connected["open.example"] == 1);
    }
    CHECK(world.tunnel_dials.empty());
  });
}

TEST_CASE("a connection that nobody takes is ended") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    auto connected = router.begin({"a.example", 443});
    const bool there = co_await until([&] { return world.connected["a.example"] == 1; });
    CHECK(there);
    connected.reset();
    auto connecting = router.begin({"b.example", 443});
    connecting.reset();
    const bool gone = co_await until([&] { return world.connected["a.example"] == 0; });
    CHECK(gone);
    co_await rest(20ms);
    CHECK(world.connected["b.example"] == 0);
  });
}

TEST_CASE("what befell a connection begun early is told as if it had been begun late") {
  for (const auto& [shows, signal] :
       {std::pair(Shows::refused, "tcp_rst"), std::pair(Shows::reset, "tls_rst"),
        std::pair(Shows::syn_silence, "tcp_silence")}) {
    with_router([shows, signal](World& world, Router& router) -> asio::awaitable<void> {
      world.direct["x.example"] = shows;
      (void)co_await visit(router, "fine.example");
      auto begun = router.begin({"x.example", 443});
      const auto v = co_await visit_begun(router, "x.example", std::move(begun));
      CHECK(v.way == "tunnel");
      const bool learnt = co_await until([&] { return router.convictions().size() == 1; });
      CHECK(learnt);
      CHECK(router.why("x.example").at("signal").as_string() == signal);
      CHECK(world.direct_dials["x.example"] == 3);  // the one begun, and two looks
      CHECK_FALSE(router.begin({"x.example", 443}));
      CHECK(world.direct_dials["x.example"] == 3);
    });
  }
}

TEST_CASE("what failed before the flight was there is tried afresh with it") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    world.direct["x.example"] = Shows::refused;
    auto begun = router.begin({"x.example", 443});
    co_await rest(50ms);
    world.direct["x.example"] = Shows::site;
    CHECK((co_await visit_begun(router, "x.example", std::move(begun))).way == "direct");
    CHECK(world.direct_dials["x.example"] == 2);
  });
}

TEST_CASE("a connection of another network is not used") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    auto begun = router.begin({"x.example", 443});
    co_await rest(20ms);
    world.network = "abroad";
    const auto v = co_await visit_begun(router, "x.example", std::move(begun));
    CHECK(v.way == "direct");
    CHECK(world.direct_dials["x.example"] == 2);
    const bool dropped = co_await until([&] { return world.connected["x.example"] == 1; });
    CHECK(dropped);
  });
}

TEST_CASE("a connection that the site has ended or reset before the flight is not used") {
  struct OneAddress : Names {
    asio::awaitable<NameAnswer> system(std::string) override {
      NameAnswer answer;
      answer.addresses.push_back(asio::ip::address_v4::loopback());
      co_return answer;
    }
    asio::awaitable<Result<std::vector<asio::ip::address>>> encrypted(std::string) override {
      co_return make_error_code(Errc::no_route);
    }
    bool has_encrypted() const noexcept override { return false; }
    void trust(const std::string&) override {}
  };
  struct Tcp : Connector {
    SystemResolver unused;
    TcpDialer dialer{unused, TcpDialerOptions{}};
    asio::awaitable<Result<StreamPtr>> connect(std::vector<asio::ip::address> addresses, std::uint16_t port,
                                               std::vector<ConnectAttempt>* attempts) override {
      return dialer.connect(std::move(addresses), port, attempts);
    }
  };
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    OneAddress names;
    Tcp connector;
    AttemptTools tools;
    tools.names = &names;
    tools.connector = &connector;
    TaskGroup tasks(io.get_executor());
    using asio::ip::tcp;
    tcp::acceptor site(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    enum class Does { waits, ends, resets };
    for (const auto does : {Does::waits, Does::ends, Does::resets}) {
      HeadStart begun(tasks, nullptr, tools, {"site.example", site.local_endpoint().port()}, Stay{1});
      auto peer = co_await site.async_accept(asio::use_awaitable);
      co_await rest(20ms);
      if (does == Does::ends) peer.shutdown(tcp::socket::shutdown_send);
      if (does == Does::resets) {
        peer.set_option(tcp::socket::linger(true, 0));
        peer.close();
      }
      co_await rest(20ms);
      std::vector<ConnectAttempt> connects;
      const std::vector<asio::ip::address> addresses(1, asio::ip::address_v4::loopback());
      const auto taken = co_await begun.take(addresses, connects);
      CHECK(taken.has_value() == (does == Does::waits));
      CHECK(connects.size() == (does == Does::waits ? 1 : 0));
    }
    co_await tasks.join();
  });
}

TEST_CASE("nothing is begun where the flight may go another way") {
  auto options = quick_options();
  options.rules = {{config::RuleAction::always_tunnel, "tunnel.example"},
                   {config::RuleAction::never, "never.example"}};
  with_router(
      [](World& world, Router& router) -> asio::awaitable<void> {
        CHECK_FALSE(router.begin({"tunnel.example", 443}));
        CHECK_FALSE(router.begin({"never.example", 443}));
        CHECK_FALSE(router.begin({"93.184.1.1", 443}));  // the site's name stands in the flight
        CHECK(world.direct_dials.empty());
        co_return;
      },
      options);
}

TEST_CASE("a connection that has waited for long, or leads elsewhere, is not used") {
  with_router([](World& world, Router& router) -> asio::awaitable<void> {
    auto begun = router.begin({"late.example", 443});
    const auto elsewhere = router.begin({"moved.example", 443});
    co_await rest(20ms);
    CHECK(world.direct_dials["moved.example"] == 1);
    NameAnswer other;
    other.addresses.push_back(asio::ip::make_address("93.184.7.7"));
    world.names["moved.example"] = other;
    CHECK((co_await visit_begun(router, "moved.example", elsewhere)).way == "direct");
    CHECK(world.direct_dials["93.184.7.7"] == 1);
    co_await rest(2100ms);
    CHECK(world.connected["late.example"] == 1);
    const auto v = co_await visit_begun(router, "late.example", std::move(begun));
    CHECK(v.way == "direct");
    CHECK(world.direct_dials["late.example"] == 2);
    const bool dropped = co_await until([&] { return world.connected["late.example"] == 1; });
    CHECK(dropped);
  });
}
