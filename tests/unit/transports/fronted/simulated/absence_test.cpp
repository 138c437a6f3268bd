// Edges that are not there, or will not have us, in simulated time: how long is waited, and for what.
#include "tests/unit/transports/fronted/simulated/typist.hpp"

using namespace surang;
using namespace surang::fronted;
using namespace surang::fronted::rig;

TEST_CASE("an edge that was away is used by all who wait for it as soon as one of them has reached it") {
  for (int attempt = 0; attempt < 8; ++attempt)
    simulate([](asio::io_context& io) -> asio::awaitable<void> {
      Ends ends(io);
      ends.dialer.distance = kRoundTrip / 2;
      ends.dialer.manners.keeps_bodies = true;
      Typist typist(ends);
      co_await typist.type(3, 500ms);
      ends.dialer.away = true;
      for (int i = 0; i < 4; ++i) {
        co_await typist.paste(400000);  // POSTs side by side
        co_await test::sleep_for(2s);
      }
      ends.dialer.away = false;
      co_await typist.heard_all();
      CHECK(ends.dialer.dials == 2);
      CHECK(Clock::now() - ends.dialer.reached_at < 8 * kRoundTrip);
      co_await typist.finish(ends);
    });
}

TEST_CASE("an edge that has nothing but pages of its own is given up in seconds, but not in mid session") {
  for (const bool from_the_start : {true, false})
    simulate([from_the_start](asio::io_context& io) -> asio::awaitable<void> {
      CAPTURE(from_the_start);
      Ends world(io);
      world.dialer.distance = kRoundTrip / 2;
      TaskGroup tasks(io.get_executor());
      tasks.spawn(world.carrier.run());
      auto stream = make_stream(world.session);
      std::string heard(1, 0);
      if (!from_the_start) {
        co_await test::put(*stream, "a");
        (void)co_await stream->read_some(asio::buffer(heard));
      }
      world.dialer.manners.page = 502;
      co_await test::put(*stream, "b");
      const auto before = Clock::now();
      co_await world.session->wait_left();
      const auto lasted = Clock::now() - before;
      CHECK(world.session->failure() == Errc::protocol);
      CHECK((from_the_start ? lasted > 1s && lasted < 6s : lasted > 29s && lasted < 50s));
      stream.reset();
      co_await end(world, tasks);
    });
}
