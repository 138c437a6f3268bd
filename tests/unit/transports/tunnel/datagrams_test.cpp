// Flows of datagrams through a whole tunnel in memory.
#include "tests/support/echo_flows.hpp"
#include "tests/support/flow_words.hpp"
#include "tests/unit/transports/tunnel/tunnel_calls.hpp"
#include "transports/tunnel/capsules.hpp"

using namespace surang;
using namespace surang::tunnel_calls;
using test::Echoes;
using test::hear;
using test::send;

namespace {

struct World {
  explicit World(asio::io_context& io, RigOptions options = {})
      : echoes(io.get_executor()), rig(io.get_executor(), std::move(options)) {
    rig.datagrams = &echoes;
  }
  asio::awaitable<DatagramFlowPtr> open() {
    auto flow = co_await rig.dialer.open();
    REQUIRE(flow.has_value());
    co_return std::move(*flow);
  }
  Echoes echoes;
  Rig rig;
};

}  // namespace

TEST_CASE("datagrams go to any peers and come back whole, in order, by one flow") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io);
    auto flow = co_await world.open();
    send(*flow, "a.test:53", "one");
    send(*flow, "[2001:db8::1]:443", std::string(3000, 'x'));
    send(*flow, "198.51.100.1:1", "");
    auto heard = co_await hear(*flow);
    CHECK(heard == "192.0.2.7:53 one");
    heard = co_await hear(*flow);
    CHECK(heard == "192.0.2.7:443 " + std::string(3000, 'x'));
    heard = co_await hear(*flow);
    CHECK(heard == "192.0.2.7:1 ");
    CHECK(world.echoes.last_peer == "198.51.100.1:1");
    CHECK(world.echoes.opened == 1);
    CHECK(world.rig.counters.flows == 1);
    CHECK(world.rig.user_bytes > 6000);
    flow.reset();
    co_await test::sleep_for(50ms);
    CHECK(world.echoes.ended == 1);
    co_await world.rig.close();
  });
}

TEST_CASE("the longest datagram goes through, however the transport cuts") {
  for (const std::size_t chunk : {std::size_t{1000}, SIZE_MAX})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      RigOptions options;
      options.chunk = chunk;
      World world(io, options);
      auto flow = co_await world.open();
      send(*flow, "192.0.2.1:9", std::string(kMostPayload + 1, 'y'));  // lost
      const std::string longest(kMostPayload, 'x');
      send(*flow, "192.0.2.1:9", longest);
      auto heard = co_await hear(*flow);
      CHECK(heard == "192.0.2.7:9 " + longest);
      co_await world.rig.close();
    });
}

TEST_CASE("a flow ends with the one at the bridge, when it is quiet for long, and with its session") {
  RigOptions options;
  options.server.flow_idle_limit = std::chrono::seconds(1);
  test::run([&](asio::io_context& io) -> asio::awaitable<void> {
    World world(io, options);
    auto flow = co_await world.open();
    send(*flow, "a.test:1", "end");
    auto heard = co_await hear(*flow);
    CHECK(heard.starts_with('!'));
    auto quiet = co_await world.open();
    send(*quiet, "a.test:1", "hello");
    heard = co_await hear(*quiet);
    CHECK(heard == "192.0.2.7:1 hello");
    const auto before = std::chrono::steady_clock::now();
    heard = co_await hear(*quiet);
    CHECK(heard.starts_with('!'));
    CHECK(std::chrono::steady_clock::now() - before > 500ms);
    auto cut = co_await world.open();
    send(*cut, "a.test:1", "hello");
    heard = co_await hear(*cut);
    CHECK(heard == "192.0.2.7:1 hello");
    world.rig.kill_bridge();
    heard = co_await hear(*cut);
    CHECK(heard.starts_with('!'));
    auto next = co_await world.open();
    send(*next, "a.test:1", "again");
    heard = co_await hear(*next);
    CHECK(heard == "192.0.2.7:1 again");
    CHECK(world.echoes.ended == 3);
    co_await world.rig.close();
  });
}

TEST_CASE("a bridge refuses what is too much, and one that carries none is not asked") {
  RigOptions options;
  options.server.max_flows = 2;
  test::run([&](asio::io_context& io) -> asio::awaitable<void> {
    World world(io, options);
    auto first = co_await world.open();
    auto second = co_await world.open();
    auto third = co_await world.open();
    auto heard = co_await hear(*third);
    CHECK(heard.starts_with('!'));
    CHECK(world.rig.counters.refused_flows == 1);
    first.reset();
    co_await test::sleep_for(50ms);
    auto fourth = co_await world.open();
    send(*fourth, "a.test:1", "hello");
    heard = co_await hear(*fourth);
    CHECK(heard == "192.0.2.7:1 hello");
    second.reset();
    co_await test::sleep_for(50ms);
    world.echoes.refuses = true;
    auto refused = co_await world.open();
    heard = co_await hear(*refused);
    CHECK(heard.starts_with('!'));
    co_await world.rig.close();
  });
  test::run([&](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    const auto flow = co_await rig.dialer.open();
    REQUIRE(flow.has_error());
    CHECK(flow.error() == Errc::no_route);
    CHECK(rig.counters.flows == 0);
    co_await rig.close();
  });
}

TEST_CASE("what waits for the stream's window is bounded") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io);
    auto flow = co_await world.open();
    const std::string text(60000, 'x');
    for (int i = 0; i < 1000; ++i) send(*flow, "192.0.2.1:9", text);  // before anything can leave
    int heard = 0;
    std::string next;
    send(*flow, "192.0.2.1:10", "last");
    for (;;) {
      next = co_await hear(*flow);
      if (!next.starts_with("192.0.2.7:9 ")) break;
      ++heard;
    }
    CHECK(next == "192.0.2.7:10 last");
    CHECK(heard >= 1);
    CHECK(heard <= 5);
    co_await world.rig.close();
  });
}
