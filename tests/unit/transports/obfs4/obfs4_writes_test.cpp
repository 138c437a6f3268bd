// What an obfs4 stream writes: the hello and the seed, the shape of bursts, and what follows a write that did
// not end.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <optional>

#include "tests/unit/transports/obfs4/stream_rig.hpp"

using namespace surang;
using namespace surang::obfs4;
using namespace surang::obfs4::rig;
using namespace std::chrono_literals;

TEST_CASE("a server's hello and seed leave in one write, with or without waiting") {
  for (const std::size_t at_once : {std::size_t{0}, std::size_t{10}, SIZE_MAX})
    test::run([at_once](asio::io_context& io) -> asio::awaitable<void> {
      auto [a, b] = test::memory_stream_pair(io.get_executor());
      std::vector<std::size_t> writes;
      const auto hello = random_bytes(500);
      const auto shaping = one_length();
      auto server = make_stream(std::make_unique<Watched>(std::move(b), writes, at_once), kSecret,
                                Role::server, with(IatMode::off, shaping, hello));
      CHECK(writes.empty() == (at_once == 0));
      std::string heard(1, '\0');
      TaskGroup tasks(io.get_executor());
      tasks.spawn(read_into(*server, 100, heard));  // waits, which sends what is left
      Bytes got(hello.size() + kFrameOverhead + 24);
      const auto read = co_await a->read_exactly(asio::buffer(got));
      CHECK(!read.has_error());
      CHECK(writes.size() == (at_once == 10 ? 3 : 1));
      CHECK(std::equal(hello.begin(), hello.end(), got.begin()));
      FrameDecoder decoder{std::span(kSecret).last<72>()};
      auto input = std::span(got).subspan(hello.size());
      Packet packet;
      CHECK(decoder.next(input, {}, packet) == FrameDecoder::Outcome::packet);
      CHECK(packet.type == PacketType::seed);
      CHECK(std::equal(packet.payload.begin(), packet.payload.end(), shaping->seed.begin(),
                       shaping->seed.end()));
      CHECK(input.empty());
      (void)co_await a->shutdown_write();
      co_await tasks.join();
      CHECK(heard.empty());
    });
}

TEST_CASE("a hello that waits goes before the first data") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::memory_stream_pair(io.get_executor());
    auto server =
        make_stream(std::move(b), kSecret, Role::server, with(IatMode::off, nullptr, random_bytes(50)));
    co_await say(*server, "data", 100);
    Bytes hello(50);
    const auto read = co_await a->read_exactly(asio::buffer(hello));
    CHECK(!read.has_error());
    auto client = make_stream(std::move(a), kSecret, Role::client, with(IatMode::off));
    const auto heard = co_await read_to_end(*client);
    CHECK(heard == "data");
  });
}

TEST_CASE("a client shapes by the seed it is told, a server by its own") {
  for (const auto role : {Role::client, Role::server})
    test::run([role](asio::io_context& io) -> asio::awaitable<void> {
      auto [a, b] = test::memory_stream_pair(io.get_executor());
      const auto told = one_length();
      const auto other = find_shaping([&](const Shaping& s) {
        return s.length.table().size() == 1 && s.length.sample() != told->length.sample();
      });
      ByHand peer(role == Role::client ? Role::server : Role::client);
      const std::string seed(told->seed.begin(), told->seed.end());
      const auto early = join({peer.frame(seed.substr(1), 0, PacketType::seed),  // of a wrong size: ignored
                               peer.frame(seed, 0, PacketType::seed), peer.frame("x")});
      std::vector<std::size_t> writes;
      auto stream = make_stream(std::make_unique<Watched>(std::move(a), writes), kSecret, role,
                                with(IatMode::off, other), early);
      co_await put(*stream, std::string("before"));
      CHECK(writes.back() % kMaxFrame == other->length.sample() % kMaxFrame);
      char x = 0;
      const auto n = co_await stream->read_some(asio::buffer(&x, 1));
      CHECK(n.has_value());
      co_await put(*stream, std::string("after"));
      const auto& expected = role == Role::client ? told : other;
      CHECK(writes.back() % kMaxFrame == expected->length.sample() % kMaxFrame);
    });
}

TEST_CASE("64 KiB are one write beneath") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::memory_stream_pair(io.get_executor());
    std::vector<std::size_t> writes;
    auto client = make_stream(std::make_unique<Watched>(std::move(a), writes), kSecret, Role::client,
                              with(IatMode::off));
    CHECK(client->carrier_socket() == 7);
    CHECK(client->native_socket() == -1);
    co_await put(*client, random_bytes(65536));
    CHECK(writes.size() == 1);
    const auto nothing = co_await client->write_all({});
    CHECK(!nothing.has_error());
    CHECK(writes.size() == 1);
  });
}

TEST_CASE("pieces keep the pauses of the distribution, also from one burst to the next") {
  for (const auto iat : {IatMode::enabled, IatMode::paranoid})
    test::run([iat](asio::io_context& io) -> asio::awaitable<void> {
      static const auto shaping = find_shaping([](const Shaping& s) {
        const auto& pauses = s.pause.table();
        return pauses.size() < 4 &&
               std::all_of(pauses.begin(), pauses.end(), [](auto& c) { return c.value > 30; });
      });
      auto [a, b] = test::memory_stream_pair(io.get_executor());
      std::vector<std::size_t> writes;
      auto client = make_stream(std::make_unique<Watched>(std::move(a), writes), kSecret, Role::client,
                                with(iat, shaping));
      const auto start = std::chrono::steady_clock::now();
      co_await put(*client, random_bytes(5000));
      co_await put(*client, random_bytes(1));
      CHECK(writes.size() >= 4);
      CHECK(std::chrono::steady_clock::now() - start >= (writes.size() - 1) * 3ms);
    });
}

TEST_CASE("closing ends a writer that pauses, or waits for room") {
  for (const auto iat : {IatMode::off, IatMode::enabled})
    test::run([iat](asio::io_context& io) -> asio::awaitable<void> {
      auto [a, b] = test::memory_stream_pair(io.get_executor(), SIZE_MAX, 4000);
      auto client = make_stream(std::move(a), kSecret, Role::client, with(iat));
      Result<void> written;
      TaskGroup tasks(io.get_executor());
      tasks.spawn([](Stream& s, Result<void>& out) -> asio::awaitable<void> {
        const Bytes much(100000);
        out = co_await s.write_all(asio::buffer(much));
      }(*client, written));
      co_await test::sleep_for(5ms);
      client->close();
      co_await tasks.join();
      CHECK(written.error() == Errc::closed);
    });
}

TEST_CASE("nothing follows a write that was cancelled") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::memory_stream_pair(io.get_executor(), SIZE_MAX, 4000);
    auto client = make_stream(std::move(a), kSecret, Role::client, with(IatMode::off));
    asio::cancellation_signal cancel;
    bool threw = false;
    asio::co_spawn(
        io,
        [](Stream& s) -> asio::awaitable<void> {
          const Bytes much(100000);
          (void)co_await s.write_all(asio::buffer(much));
        }(*client),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) { threw = e != nullptr; }));
    co_await test::sleep_for(5ms);
    cancel.emit(asio::cancellation_type::terminal);
    co_await test::sleep_for(5ms);
    CHECK(threw);
    const auto written = co_await client->write_all(asio::buffer("x", 1));
    CHECK(written.error() == Errc::closed);
    const auto ended = co_await client->shutdown_write();
    CHECK(ended.error() == Errc::closed);
  });
}
