// The tunnel from its dialer to its acceptor, over memory streams.
#include <doctest.h>

#include "tests/support/run.hpp"
#include "tests/unit/transports/tunnel/tunnel_calls.hpp"
#include "transports/core/timeout.hpp"

using namespace surang;
using namespace surang::tunnel_calls;
using namespace std::chrono_literals;

namespace {

RigOptions with_chunk(std::size_t chunk) {
  RigOptions options;
  options.chunk = chunk;
  return options;
}

}  // namespace

TEST_CASE("a tunnel carries bytes and both half-closes") {
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, SIZE_MAX})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      Rig rig(io.get_executor(), with_chunk(chunk));
      auto stream = co_await must_dial(rig, "echo.test");
      const std::string text(5000, 'x');
      CHECK((co_await stream->write_all(asio::buffer(text))).has_value());
      CHECK((co_await stream->shutdown_write()).has_value());
      CHECK((co_await read_all(*stream)) == text);
      CHECK((co_await read_all(*stream)) == "");
      auto second = co_await must_dial(rig, "sink.test");
      co_await test::send_pattern(*second, 70'000);
      CHECK((co_await read_all(*second)) == "ok 70000");
      CHECK(rig.connects == 1);
      CHECK(rig.dialer.status().live);
      stream.reset();
      second.reset();
      co_await until([&] { return rig.dialer.status().open_streams == 0; });
      CHECK(rig.counters.streams == 2);
      CHECK(rig.counters.bytes_up == 75'000);
      CHECK(rig.user_bytes == 75'000 + 5000 + 8);
      co_await rig.close();
    });
}

TEST_CASE("the first flight of a new session carries the first bytes") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    auto stream = co_await must_dial(rig, "echo.test");
    const std::string hello(517, 'h');
    CHECK((co_await stream->write_all(asio::buffer(hello))).has_value());
    co_await until([&] { return rig.first_write > 0; });
    CHECK(rig.first_write > 517 + 100);
    co_await rig.close();
  });
}

TEST_CASE("what the egress says reaches the caller") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    const std::pair<const char*, Errc> expected[] = {{"refused.test", Errc::destination_refused},
                                                     {"nowhere.test", Errc::destination_not_found},
                                                     {"denied.test", Errc::destination_denied},
                                                     {"late.test", Errc::destination_timed_out},
                                                     {"unreachable.test", Errc::destination_unreachable}};
    for (const auto& [host, errc] : expected) {
      auto stream = co_await must_dial(rig, host);
      (void)co_await stream->write_all(asio::buffer("optimistic", 10));
      const auto error = co_await first_error(*stream);
      CHECK_MESSAGE(error == errc, host << ": " << error.message());
      CHECK((co_await stream->write_all(asio::buffer("x", 1))).error() == errc);
    }
    auto stream = co_await must_dial(rig, "reset.test");
    (void)co_await stream->write_all(asio::buffer("x", 1));
    CHECK((co_await first_error(*stream)) == asio::error::connection_reset);
    CHECK(rig.counters.refused_destination == 5);
    co_await rig.close();
  });
}

TEST_CASE("a hundred megabytes each way arrive as they were sent") {
  test::run(
      [](asio::io_context& io) -> asio::awaitable<void> {
        constexpr std::uint64_t size = 100'000'000;
        Rig rig(io.get_executor());
        rig.egress.source_bytes = size;
        auto down = co_await must_dial(rig, "source.test");
        auto up = co_await must_dial(rig, "sink.test");
        TaskGroup group(io.get_executor());
        int left = 1;
        group.spawn(count_down(left, test::send_pattern(*up, size)));
        CHECK((co_await test::check_pattern(*down)) == static_cast<std::int64_t>(size));
        CHECK((co_await read_all(*up)) == "ok " + std::to_string(size));
        CHECK(left == 0);
        CHECK(rig.counters.bytes_up == size);
        co_await rig.close();
      },
      120s);
}

TEST_CASE("a thousand streams share one session") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    TaskGroup group(io.get_executor());
    int left = 1000;
    for (int i = 0; i < 1000; ++i) group.spawn(count_down(left, echo_once(rig, i)));
    co_await until([&] { return left == 0; });
    CHECK(rig.connects == 1);
    co_await until([&] { return rig.dialer.status().open_streams == 0; });
    co_await rig.close();
  });
}

TEST_CASE("a stalled reader holds its own window and nobody else") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    rig.egress.source_bytes = 20'000'000;
    std::vector<StreamPtr> stalled;
    for (int i = 0; i < 8; ++i) stalled.push_back(co_await must_dial(rig, "source.test"));
    co_await until([&] { return rig.counters.bytes_down >= 8u * 1000'000; });
    co_await test::sleep_for(50ms);
    const auto held = rig.counters.bytes_down.load();
    CHECK(held <= 8u * (1 << 20));
    auto other = co_await must_dial(rig, "source.test");
    CHECK((co_await test::check_pattern(*other)) == 20'000'000);
    // And the other way: a destination that does not read.
    auto stuck = co_await must_dial(rig, "stall.test");
    TaskGroup group(io.get_executor());
    group.spawn(test::send_pattern(*stuck, 20'000'000));
    co_await test::sleep_for(100ms);
    auto sink = co_await must_dial(rig, "sink.test");
    co_await test::send_pattern(*sink, 10'000'000);
    CHECK((co_await read_all(*sink)) == "ok 10000000");
    group.cancel();
    co_await group.join();
    CHECK((co_await test::check_pattern(*stalled[3])) == 20'000'000);
    co_await rig.close();
  });
}

TEST_CASE("bulk streams share, and a small one is not kept waiting") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    rig.egress.source_bytes = 1'000'000'000;
    TaskGroup group(io.get_executor());
    std::vector<StreamPtr> bulk;
    std::array<std::uint64_t, 8> got{};
    for (auto& count : got) {
      bulk.push_back(co_await must_dial(rig, "source.test"));
      group.spawn(drain_stream(*bulk.back(), count));
    }
    // From when all run: those that were there first had a start, and windows that grew sooner.
    co_await until([&] { return *std::min_element(got.begin(), got.end()) > 5'000'000; });
    const auto base = got;
    co_await until([&] { return got[0] > base[0] + 10'000'000; });
    std::array<std::uint64_t, 8> more{};
    for (std::size_t i = 0; i < got.size(); ++i) more[i] = got[i] - base[i];
    const auto least = *std::min_element(more.begin(), more.end());
    const auto most = *std::max_element(more.begin(), more.end());
    CHECK_MESSAGE(most < 3 * least, most << " against " << least);
    auto small = co_await must_dial(rig, "echo.test");
    std::uint64_t before = 0, after = 0;
    char byte = 'x';
    for (int i = 0; i < 10; ++i) {
      for (const auto n : got) before += n;
      CHECK((co_await small->write_all(asio::buffer(&byte, 1))).has_value());
      CHECK((co_await small->read_some(asio::buffer(&byte, 1))).value() == 1);
      for (const auto n : got) after += n;
    }
    // What the memory pipe (256 KiB) and one batch each way hold passes meanwhile, not the windows.
    const auto meanwhile = (after - before) / 10;
    CHECK_MESSAGE(meanwhile < 2000000, meanwhile);
    group.cancel();
    co_await group.join();
    co_await rig.close();
  });
}

TEST_CASE("a wrong proof meets silence, and nothing is dialled") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    RigOptions options;
    options.client.connect_limit = 1s;
    options.server.idle_session_limit = 4s;
    Rig rig(io.get_executor(), options);
    rig.wrong_proof = true;
    auto stream = co_await must_dial(rig, "echo.test");
    (void)co_await stream->write_all(asio::buffer("x", 1));
    CHECK((co_await first_error(*stream)) == Errc::timed_out);
    CHECK(rig.counters.refused_proof == 1);
    CHECK(rig.egress.dials == 0);
    CHECK(rig.first_answer == 0);
    co_await until([&] { return rig.ended.size() == 1; });
    co_await rig.close();
  });
}

TEST_CASE("a stream given up before its proof left does not spoil the session") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    auto first = co_await must_dial(rig, "echo.test");
    first->close(true);
    co_await echo_once(rig, 1);
    auto second = co_await must_dial(rig, "echo.test");
    second.reset();
    co_await echo_once(rig, 2);
    CHECK(rig.counters.refused_proof == 0);
    CHECK(rig.connects == 1);
    co_await rig.close();
  });
}

TEST_CASE("a client that gives up stops the bridge's dial") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    rig.egress.slow = 10s;
    auto stream = co_await must_dial(rig, "slow.test");
    co_await until([&] { return rig.egress.dials == 1; });
    stream->close(true);
    co_await until([&] { return rig.egress.dials_cancelled == 1; });
    co_await rig.close();
  });
}

TEST_CASE("bytes sent ahead of a slow dial are kept") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    auto stream = co_await must_dial(rig, "slow.test");
    const std::string text(300'000, 'y');
    TaskGroup group(io.get_executor());
    CHECK((co_await stream->write_all(asio::buffer(text))).has_value());
    CHECK((co_await stream->shutdown_write()).has_value());
    CHECK((co_await read_all(*stream)) == text);
    co_await rig.close();
  });
}

namespace {

asio::awaitable<void> busy(Rig& rig) {
  auto down = co_await rig.dialer.dial(Endpoint("source.test", 1));
  auto up = co_await rig.dialer.dial(Endpoint("sink.test", 1));
  auto refused = co_await rig.dialer.dial(Endpoint("refused.test", 1));
  auto slow = co_await rig.dialer.dial(Endpoint("slow.test", 1));
  if (!down || !up || !refused || !slow) co_return;
  co_await test::send_pattern(**up, 3'000'000);
  (void)co_await test::check_pattern(**down);
  (void)co_await first_error(**refused);
  (void)co_await first_error(**slow);
}

}  // namespace

TEST_CASE("everything unwinds wherever it is cancelled") {
  for (const bool client_first : {true, false})
    for (int turns = 0; turns < 400; turns += turns < 100 ? 1 : 23) {
      asio::io_context io(1);
      {
        Rig rig(io.get_executor());
        rig.egress.source_bytes = 3'000'000;
        TaskGroup caller(io.get_executor());
        caller.spawn(busy(rig));
        for (int i = 0; i < turns; ++i) io.poll_one();
        if (client_first) caller.cancel();
        bool closed = false;
        asio::co_spawn(
            io,
            [](Rig& r, bool& done) -> asio::awaitable<void> {
              co_await r.close();
              done = true;
            }(rig, closed),
            [](std::exception_ptr e) { CHECK(!e); });
        for (int i = 0; i < 100'000 && (!closed || caller.size() > 0); ++i) {
          if (closed) caller.cancel();
          io.run_one_for(std::chrono::milliseconds(10));
        }
        REQUIRE(closed);
        REQUIRE(caller.size() == 0);
      }
      io.poll();
    }
}
