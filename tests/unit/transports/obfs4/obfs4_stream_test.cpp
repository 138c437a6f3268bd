// Streams of obfs4 against each other over memory, and against frames made by hand: what is read, and the
// end.
#include "transports/obfs4/obfs4_stream.hpp"

#include "tests/unit/transports/obfs4/stream_rig.hpp"

using namespace surang;
using namespace surang::obfs4;
using namespace surang::obfs4::rig;
using namespace std::chrono_literals;

TEST_CASE("bytes go both ways in every mode, whole and one at a time") {
  for (const auto iat : kModes)
    for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}, std::size_t{100}})
      for (const std::size_t room : {std::size_t{1}, std::size_t{1000}, std::size_t{65536}})
        test::run([=](asio::io_context& io) -> asio::awaitable<void> {
          Ends ends(io, chunk, iat);
          TaskGroup tasks(io.get_executor());
          tasks.spawn(echo(*ends.server));
          std::string heard;
          const auto text = random_text(iat == IatMode::off ? 20000 : 3000);
          tasks.spawn(say(*ends.client, text, 1500));
          heard = co_await read_to_end(*ends.client, room);
          CHECK(heard == text);
          co_await tasks.join();
        });
}

TEST_CASE("much goes both ways at once") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io, SIZE_MAX, IatMode::off);
    co_await test::fill_both_ways(*ends.client, *ends.server);
  });
}

TEST_CASE("one direction ends, the other goes on") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io, SIZE_MAX, IatMode::off);
    co_await say(*ends.client, "question", 100);
    auto heard = co_await read_to_end(*ends.server);
    CHECK(heard == "question");
    heard = co_await read_to_end(*ends.server);  // and it stays ended
    CHECK(heard.empty());
    co_await say(*ends.server, "answer", 100);
    heard = co_await read_to_end(*ends.client);
    CHECK(heard == "answer");
  });
}

TEST_CASE("padding and unknown packets are not the end") {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      auto [a, b] = test::memory_stream_pair(io.get_executor(), chunk);
      auto client = make_stream(std::move(a), kSecret, Role::client, with(IatMode::off));
      ByHand peer(Role::server);
      std::string room(100, '\0');
      const auto padding =
          join({peer.frame("", 700), peer.frame("", 0), peer.frame("ignored", 0, PacketType{9})});
      co_await put(*b, padding);
      for (std::size_t turn = 0; turn < padding.size(); ++turn) {
        CHECK(client->try_read(asio::buffer(room)).error() == Errc::would_block);
        if (chunk != SIZE_MAX && turn + 1 < padding.size()) {
          const auto more = co_await client->wait_readable();
          CHECK(!more.has_error());
        }
      }
      CHECK(client->try_read({}).value() == 0);
      const auto more = join({peer.frame("here", 5), peer.frame("", 30)});
      co_await put(*b, more);
      (void)co_await b->shutdown_write();
      const auto heard = co_await read_to_end(*client);
      CHECK(heard == "here");
    });
}

TEST_CASE("bytes read behind the hello come first, wherever they were cut") {
  ByHand peer(Role::server);
  const auto wire = join({peer.frame(std::string(24, 's'), 0, PacketType::seed), peer.frame("one, "),
                          peer.frame("", 100), peer.frame("two")});
  for (std::size_t cut = 0; cut <= wire.size(); ++cut)
    test::run([&wire, cut](asio::io_context& io) -> asio::awaitable<void> {
      auto [a, b] = test::memory_stream_pair(io.get_executor());
      const auto middle = wire.begin() + static_cast<std::ptrdiff_t>(cut);
      auto client =
          make_stream(std::move(a), kSecret, Role::client, with(IatMode::off), Bytes(wire.begin(), middle));
      co_await put(*b, Bytes(middle, wire.end()));
      (void)co_await b->shutdown_write();
      const auto heard = co_await read_to_end(*client, 2);
      CHECK(heard == "one, two");
    });
}

TEST_CASE("many frames read behind the hello are not too many") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::memory_stream_pair(io.get_executor());
    ByHand peer(Role::server);
    const auto text = random_text(200000);
    Bytes wire;
    for (std::size_t at = 0; at < text.size(); at += 1000)
      wire = join({std::move(wire), peer.frame(text.substr(at, 1000))});
    auto client = make_stream(std::move(a), kSecret, Role::client, with(IatMode::off), wire);
    (void)co_await b->shutdown_write();
    const auto heard = co_await read_to_end(*client, 65472);
    CHECK(heard == text);
  });
}

TEST_CASE("an end within a frame is no end") {
  ByHand peer(Role::server);
  const auto first = peer.frame("whole"), second = peer.frame("cut", 20);
  const auto wire = join({first, second});
  for (std::size_t cut = first.size(); cut <= wire.size(); ++cut)
    test::run([&, cut](asio::io_context& io) -> asio::awaitable<void> {
      auto [a, b] = test::memory_stream_pair(io.get_executor());
      auto client = make_stream(std::move(a), kSecret, Role::client, with(IatMode::off));
      co_await put(*b, Bytes(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(cut)));
      (void)co_await b->shutdown_write();
      for (int i = 0; i < 2; ++i) {
        const auto heard = co_await read_to_end(*client);
        const bool between = cut == first.size() || cut == wire.size();
        CHECK(heard == std::string(i > 0                ? ""
                                   : cut == wire.size() ? "wholecut"
                                                        : "whole") +
                           (between ? "" : "|truncated"));
      }
    });
}

TEST_CASE("after a frame that is not the peer's nothing is read, and nothing sent") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::memory_stream_pair(io.get_executor());
    std::vector<std::size_t> writes;
    auto client = make_stream(std::make_unique<Watched>(std::move(a), writes), kSecret, Role::client,
                              with(IatMode::off));
    ByHand peer(Role::server);
    const auto good = peer.frame("good");
    auto bad = peer.frame("bad");
    bad.back() ^= 1;
    const auto wire = join({good, bad, peer.frame("later")});
    co_await put(*b, wire);
    auto heard = co_await read_to_end(*client);
    CHECK(heard == "good|protocol");
    heard = co_await read_to_end(*client);
    CHECK(heard == "|protocol");
    const auto readable = co_await client->wait_readable();
    CHECK(readable.has_value());
    const auto written = co_await client->write_all(asio::buffer("x", 1));
    CHECK(written.error() == Errc::protocol);
    const auto ended = co_await client->shutdown_write();
    CHECK(ended.error() == Errc::protocol);
    CHECK(writes.empty());
    char x = 0;
    CHECK(b->try_read(asio::buffer(&x, 1)).error() == Errc::would_block);
  });
}

TEST_CASE("a reset stays one") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io, SIZE_MAX, IatMode::off);
    ends.server->close(true);
    const auto heard = co_await read_to_end(*ends.client);
    CHECK(heard == "|" + error_code(asio::error::connection_reset).message());
    char x = 0;
    CHECK(ends.server->try_read(asio::buffer(&x, 1)).error() == Errc::closed);
    const auto waited = co_await ends.server->wait_readable();
    CHECK(waited.error() == Errc::closed);
    const auto written = co_await ends.server->write_all(asio::buffer("x", 1));
    CHECK(written.error() == Errc::closed);
  });
}
