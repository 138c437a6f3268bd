// Streams of Noise against each other over memory, and what whoever carries their bytes may do to them.
#include "transports/noise/noise_stream.hpp"

#include <doctest.h>

#include <algorithm>

#include "tests/support/hex.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/support/stream_words.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"

using namespace surang;
using namespace surang::noise;
using namespace surang::test;
using namespace std::chrono_literals;

namespace {

Session session() {
  return {CipherState(counting<32>(1)), CipherState(counting<32>(2)), counting<32>(3), counting<32>(4)};
}

const std::vector<std::string> kTwo{"first", "second"}, kThree{"word", "word", "word"};

struct Ends {
  explicit Ends(asio::io_context& io, std::size_t chunk = SIZE_MAX, StreamOptions options = {}) {
    auto [a, b] = memory_stream_pair(io.get_executor(), chunk);
    client = make_stream(std::move(a), session(), Role::client, options);
    server = make_stream(std::move(b), session(), Role::server, options);
  }
  StreamPtr client, server;
};

// What a client puts on the wire for these writes.
asio::awaitable<std::string> wire_of(asio::io_context& io, std::vector<std::string> said) {
  auto [a, b] = memory_stream_pair(io.get_executor());
  auto client = make_stream(std::move(a), session(), Role::client);
  for (const auto& text : said) co_await put(*client, text);
  (void)co_await client->shutdown_write();
  const auto wire = co_await read_to_end(*b);
  co_return wire;
}

// What a server hears of such a wire.
asio::awaitable<std::string> heard_of(asio::io_context& io, std::string wire) {
  auto [a, b] = memory_stream_pair(io.get_executor());
  auto server = make_stream(std::move(b), session(), Role::server);
  co_await put(*a, wire);
  (void)co_await a->shutdown_write();
  const auto heard = co_await read_to_end(*server);
  co_return heard;
}

}  // namespace

TEST_CASE("bytes go both ways, whole and one at a time, and each direction ends by itself") {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}, std::size_t{100}})
    for (const std::size_t room : {std::size_t{1}, std::size_t{1000}, std::size_t{65536}})
      run([=](asio::io_context& io) -> asio::awaitable<void> {
        Ends ends(io, chunk);
        TaskGroup tasks(io.get_executor());
        tasks.spawn(echo(*ends.server));
        const auto text = random_text(40000);
        tasks.spawn(say(*ends.client, text, 15000));
        const auto heard = co_await read_to_end(*ends.client, room);
        CHECK(heard == text);
        co_await tasks.join();
      });
}

TEST_CASE("much goes both ways at once") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    co_await fill_both_ways(*ends.client, *ends.server);
  });
}

TEST_CASE("an end that the peer has not said is a cut, wherever it comes") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto wire = co_await wire_of(io, kTwo);
    for (std::size_t size = 0; size <= wire.size(); ++size) {
      const auto heard = co_await heard_of(io, wire.substr(0, size));
      const std::string whole = size < 24 ? "" : size < 49 ? "first" : "firstsecond";
      CHECK(heard == whole + (size == wire.size() ? "" : "|truncated"));
    }
    // Nothing behind it counts.
    const auto heard = co_await heard_of(io, wire + wire);
    CHECK(heard == "firstsecond");
  });
}

TEST_CASE("whoever changes a byte is found out, and no text of his is read") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto wire = co_await wire_of(io, kTwo);
    for (std::size_t at = 0; at < wire.size(); ++at) {
      auto changed = wire;
      changed[at] = static_cast<char>(changed[at] ^ 1);
      const auto heard = co_await heard_of(io, changed);
      const std::string whole = at < 24 ? "" : at < 49 ? "first" : "firstsecond";
      CHECK((heard == whole + "|protocol" || heard == whole + "|truncated"));
    }
    const auto twice = wire.substr(0, 24) + wire;
    const auto heard = co_await heard_of(io, twice);
    CHECK((heard == "first|protocol" || heard == "first|truncated"));
  });
}

TEST_CASE("nothing is said any more to a peer whose frame was wrong") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = memory_stream_pair(io.get_executor());
    auto server = make_stream(std::move(b), session(), Role::server);
    co_await put(*a, random_text(70000));
    const auto heard = co_await read_to_end(*server);
    CHECK(heard == "|protocol");
    const auto said = co_await server->write_all(asio::buffer("x", 1));
    CHECK(said.error() == Errc::protocol);
    const auto silence = co_await with_timeout(20ms, a->wait_readable());
    CHECK(silence.error() == Errc::timed_out);
  });
}

TEST_CASE("a silent end says fillers, which nobody reads") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    StreamOptions options;
    options.filler_after = 30ms;
    auto [a, b] = memory_stream_pair(io.get_executor());
    auto client = make_stream(std::move(a), session(), Role::client, options);
    // Memory takes nothing without a wait, so a filler goes with the next word.
    for (int i = 0; i < 3; ++i) {
      co_await sleep_for(60ms);
      co_await put(*client, "word");
    }
    (void)co_await client->shutdown_write();
    const auto wire = co_await read_to_end(*b);
    const auto without = co_await wire_of(io, kThree);
    CHECK(wire.size() >= without.size() + 3 * 19);
    const auto heard = co_await heard_of(io, wire);
    CHECK(heard == "wordwordword");
  });
}

TEST_CASE("a writer that was cancelled half way leaves nothing that could be gone on with") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    const auto text = random_text(1000000);
    const auto cut = co_await with_timeout(20ms, ends.client->write_all(asio::buffer(text)));
    CHECK(cut.error() == Errc::timed_out);
    const auto next = co_await ends.client->write_all(asio::buffer("x", 1));
    CHECK(next.error() == Errc::closed);
  });
}
