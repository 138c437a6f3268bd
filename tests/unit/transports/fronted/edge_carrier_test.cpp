// A client's session by TLS and HTTP/2 to an edge that may die at any byte, and what comes out at the bridge.
#include "tests/unit/transports/fronted/edge_rig.hpp"
#include "transports/fronted/channel.hpp"

using namespace surang;
using namespace surang::fronted;
using namespace surang::fronted::rig;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> answer_as_bridge(StreamPtr raw, SessionName name) {
  const auto keys = noise::Keypair::of(test::counting<32>(0x77));
  auto met = co_await accept_channel(std::move(raw), user(), keys, name);
  if (met) co_await test::echo(*met->stream);
}

}  // namespace

TEST_CASE("a session goes by an edge, both ways, to its end on both sides") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    co_await say_and_hear(io, ends, 3000000);
    CHECK(ends.dialer.dials == 1);
    CHECK(ends.rig.origin.sessions() == 0);
  });
}

TEST_CASE("an edge that dies at any byte loses nothing and doubles nothing") {
  // The least that gets through is one record of TLS.
  for (const std::size_t mean : {std::size_t{20000}, std::size_t{100000}})
    test::run([mean](asio::io_context& io) -> asio::awaitable<void> {
      Ends ends(io);
      std::uint32_t seed = 5;
      ends.dialer.life = [&] { return 3000 + (seed = seed * 1664525 + 1013904223) / 7 % (2 * mean); };
      co_await say_and_hear(io, ends, 20 * mean);
      CHECK(ends.dialer.dials > 5);
    });
}

TEST_CASE("answers that end early are asked on, whatever their size") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    OriginLimits limits;
    limits.answer_bytes = 30000;
    Ends ends(io, limits);
    co_await say_and_hear(io, ends, 1000000);
  });
}

TEST_CASE("a stream that is closed before its end abandons the session at the bridge") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    TaskGroup tasks(io.get_executor());
    auto stream = make_stream(ends.session);
    tasks.spawn(ends.carrier.run());
    co_await test::put(*stream, "hello");
    std::string part(5, '\0');
    const auto got = co_await stream->read_exactly(asio::buffer(part));
    CHECK(got.has_value());
    CHECK(ends.rig.origin.sessions() == 1);
    stream.reset();
    co_await end(ends, tasks);
    CHECK(ends.rig.origin.sessions() == 0);
  });
}

TEST_CASE("a bridge that does not know the session breaks it at once") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    ends.rig.users.removed = true;
    TaskGroup tasks(io.get_executor());
    auto stream = make_stream(ends.session);
    tasks.spawn(ends.carrier.run());
    const auto heard = co_await test::read_to_end(*stream);
    CHECK(ends.session->failure() == Errc::no_route);
    CHECK(heard.starts_with("|"));
    stream.reset();
    co_await end(ends, tasks);
  });
}

TEST_CASE("client and bridge meet in a session, through everything") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    ends.rig.serve = [&](StreamPtr raw) { return answer_as_bridge(std::move(raw), ends.name); };
    TaskGroup tasks(io.get_executor());
    tasks.spawn(ends.carrier.run());
    const auto bridge = noise::Keypair::of(test::counting<32>(0x77)).public_key;
    auto met = co_await connect_channel(make_stream(ends.session), user(), bridge, ends.name);
    REQUIRE(met.has_value());
    const auto text = test::random_text(1000000);
    tasks.spawn(test::say(*met->stream, text, 70000));
    const auto heard = co_await test::read_to_end(*met->stream);
    CHECK(heard.size() == text.size());
    CHECK((heard == text));
    met->stream.reset();
    co_await end(ends, tasks);
  });
}
