// The https transport for everybody who is no user: the cover site, byte for byte.
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/transports/https/https_rig.hpp"

using namespace surang;
using namespace surang::https;
using namespace surang::https::test_rig;

namespace {

// What OpenSSL takes for the system's roots, while this lives.
class SystemRoots {
 public:
  explicit SystemRoots(const std::string& pem)
      : file_(std::filesystem::temp_directory_path() / ("surang-roots-" + std::to_string(getpid()))) {
    std::ofstream(file_) << pem;
    setenv("SSL_CERT_FILE", file_.c_str(), 1);
  }
  ~SystemRoots() {
    unsetenv("SSL_CERT_FILE");
    std::filesystem::remove(file_);
  }
  SystemRoots(const SystemRoots&) = delete;
  SystemRoots& operator=(const SystemRoots&) = delete;

 private:
  std::filesystem::path file_;
};

// An acceptor whose cover site is the other end of a stream in memory.
class MemoryBridge {
 public:
  MemoryBridge(asio::io_context& io, Bridge& bridge)
      : io_(io),
        acceptor_(make_acceptor(bridge.options, bridge.users, *bridge.replays, wire_, bridge.counters)) {}

  // Whether who sends `bytes` and ends gets what the cover site says, and the site got the bytes.
  asio::awaitable<bool> covers(Bytes bytes) {
    auto [here, there] = test::memory_stream_pair(io_.get_executor());
    auto [near, site] = test::memory_stream_pair(io_.get_executor());
    wire_.waiting.push_back(std::move(near));
    wire_.writes.clear();
    TaskGroup tasks(io_.get_executor());
    tasks.spawn(take(std::move(there)));
    if ((co_await here->write_all(asio::buffer(bytes))).has_error()) co_return false;
    if ((co_await here->shutdown_write()).has_error()) co_return false;
    const auto told = co_await read_all(*site);
    (void)co_await site->write_all(asio::buffer("from the site", 13));
    (void)co_await site->shutdown_write();
    const auto answer = co_await read_all(*here);
    co_await tasks.join();
    co_return told == bytes&& std::string(answer.begin(), answer.end()) == "from the site";
  }

 private:
  asio::awaitable<void> take(StreamPtr raw) {
    const auto result = co_await acceptor_->accept(std::move(raw));
    // Nobody waits for a cover site that was not asked.
    if (!result.has_error()) wire_.waiting.clear();
  }

  asio::io_context& io_;
  Wire wire_;
  std::unique_ptr<TransportAcceptor> acceptor_;
};

}  // namespace

TEST_CASE("strangers get the cover site: junk, HTTP, half hellos, hellos of others") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    const auto flight = co_await record_flight(io, "CONNECT");
    std::vector<Bytes> all;
    all.push_back(Bytes(1000, 0xa5));
    all.push_back(Bytes{'G', 'E', 'T', ' ', '/', '\r', '\n', '\r', '\n'});
    all.push_back(Bytes{22});
    all.push_back(Bytes{22, 3, 1, 0, 1, 2});
    all.push_back(Bytes(flight.begin(), flight.begin() + 100));
    all.push_back(Bytes(40000, 22));
    all.push_back(Bytes());
    for (const auto& bytes : all) co_await expect_cover(io, bridge, bytes);
    CHECK(bridge.counters.strangers == all.size());
    CHECK(bridge.counters.users == 0);
    CHECK(bridge.errors.back() == Errc::proof_refused);
  });
}

TEST_CASE(
    "a replay, and a copy with any bit of the hello changed, get the cover site; the owner still gets in") {
  test::run(
      [](asio::io_context& io) -> asio::awaitable<void> {
        Bridge bridge(io);
        const auto flight = co_await record_flight(io, "CONNECT once");
        tls::ClientHello hello;
        REQUIRE(tls::parse_client_hello(flight, hello) == tls::HelloState::complete);
        MemoryBridge memory(io, bridge);
        for (std::size_t bit = 0; bit < hello.size * 8; ++bit) {
          auto changed = flight;
          changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
          const bool covered = co_await memory.covers(changed);
          REQUIRE_MESSAGE(covered, "bit " << bit % 8 << " of byte " << bit / 8);
        }
        CHECK(bridge.replays->size() == 0);  // none of them used the ticket up

        auto [here, there] = test::memory_stream_pair(io.get_executor());
        bridge.tasks.spawn(bridge.take(std::move(there)));
        CHECK(!(co_await here->write_all(asio::buffer(flight))).has_error());
        co_await bridge.tasks.join();
        REQUIRE(bridge.accepted.size() == 1);
        co_await hear(*bridge.accepted[0].stream, "CONNECT once");

        co_await expect_cover(io, bridge, flight);
        bridge.restart();  // another worker, the same set
        co_await expect_cover(io, bridge, flight);
        CHECK(bridge.counters.replays == 2);
        CHECK(bridge.counters.users == 1);
      },
      300s);
}

TEST_CASE("stale tickets, removed users and users of other bridges get the cover site") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    bridge.options.clock_skew = -1s;  // nothing is young enough
    bridge.restart();
    co_await expect_cover(io, bridge, co_await record_flight(io, "late"));
    CHECK(bridge.counters.stale == 1);
    bridge.options.clock_skew = 120s;
    bridge.options.public_key.fill(8);
    bridge.restart();
    co_await expect_cover(io, bridge, co_await record_flight(io, "elsewhere"));
    bridge.options.public_key.fill(7);
    bridge.users.removed = true;
    bridge.restart();
    co_await expect_cover(io, bridge, co_await record_flight(io, "gone"));
    CHECK(bridge.counters.strangers == 3);
  });
}

TEST_CASE("an ordinary TLS client gets the cover site's own certificate and answer") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io, serve_tls);
    auto [here, there] = test::memory_stream_pair(io.get_executor());
    bridge.tasks.spawn(bridge.take(std::move(there)));
    std::vector<std::string> alpn(1, "h2");
    auto secured = co_await tls::connect_verified(
        std::move(here), test::make_tls_client(bridge.site.tls.certificate_pem), kSite, alpn);
    REQUIRE(secured.has_value());
    co_await say(**secured, "hello");
    co_await hear(**secured, "the site itself");
    std::array<char, 10> rest{};
    const auto end = co_await (*secured)->read_some(asio::buffer(rest));
    CHECK(end.value() == 0);
    (*secured)->close();
    co_await bridge.tasks.join();
  });
}

TEST_CASE("a user the bridge does not know ends at the cover site and tells it nothing") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io, serve_tls);
    Wire wire;
    auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
    wire.waiting.push_back(std::move(ours));
    const auto client = make_client(wire, 2);
    auto here = co_await client->connect();
    co_await say(*here->stream, "secret");
    bridge.tasks.spawn(bridge.take(std::move(theirs)));
    std::array<char, 10> answer{};
    const auto r = co_await here->stream->read_some(asio::buffer(answer));
    // The test's site has a certificate no system root vouches for; a real one would give proof_refused.
    CHECK(r.error() == Errc::certificate);
    here->stream->close(false);
    co_await bridge.tasks.join();
  });
}

TEST_CASE("a refused user whom the cover site shows a good certificate leaves as a browser would, unheard") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io, serve_attention);
    const SystemRoots roots(bridge.site.tls.certificate_pem);
    Wire wire;
    auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
    wire.waiting.push_back(std::move(ours));
    const auto client = make_client(wire, 2);
    auto here = co_await client->connect();
    REQUIRE(here.has_value());
    co_await say(*here->stream, "secret");
    bridge.tasks.spawn(bridge.take(std::move(theirs)));
    std::array<char, 10> answer{};
    const auto r = co_await here->stream->read_some(asio::buffer(answer));
    CHECK(r.error() == Errc::proof_refused);
    CHECK((co_await here->stream->write_all(asio::buffer(answer))).error() == Errc::proof_refused);
    asio::steady_timer timer(io);
    for (int i = 0; i < 2000 && !bridge.site.left_politely; ++i) {
      timer.expires_after(5ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    CHECK(bridge.site.left_politely);
    CHECK(bridge.site.told.empty());
    here->stream->close(false);
    co_await bridge.tasks.join();
  });
}

TEST_CASE("silence and half a hello meet the cover site's own patience") {
  for (const bool half : {false, true})
    test::run([half](asio::io_context& io) -> asio::awaitable<void> {
      Bridge bridge(io, serve_impatience);
      const auto flight = co_await record_flight(io, "CONNECT");
      const Bytes part(flight.begin(), flight.begin() + (half ? 200 : 0));
      auto [here, there] = test::memory_stream_pair(io.get_executor());
      const auto start = std::chrono::steady_clock::now();
      bridge.tasks.spawn(bridge.take(std::move(there)));
      if (half) CHECK(!(co_await here->write_all(asio::buffer(part))).has_error());
      const auto answer = co_await read_all(*here);
      const auto took = std::chrono::steady_clock::now() - start;
      CHECK(answer.empty());
      CHECK(took >= 150ms);
      CHECK(took < 2s);
      CHECK(bridge.site.told == part);
      CHECK(!(co_await here->shutdown_write()).has_error());
      co_await bridge.tasks.join();
    });
}

TEST_CASE("a cover site that is down makes a host whose site is down; too many strangers are cut") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    Wire nowhere;
    auto acceptor = make_acceptor(bridge.options, bridge.users, *bridge.replays, nowhere, bridge.counters);
    auto [here, there] = test::memory_stream_pair(io.get_executor());
    co_await say(*here, "GET / HTTP/1.0\r\n\r\n");
    const auto accepted = co_await acceptor->accept(std::move(there));
    CHECK(accepted.error() == asio::error::connection_refused);
    std::array<char, 10> answer{};
    CHECK((co_await here->read_some(asio::buffer(answer))).error() == asio::error::connection_reset);
    CHECK(nowhere.dialled.size() == 1);

    bridge.options.max_covered = 0;
    bridge.restart();
    auto [mine, its] = test::memory_stream_pair(io.get_executor());
    co_await say(*mine, "GET / HTTP/1.0\r\n\r\n");
    CHECK((co_await bridge.acceptor->accept(std::move(its))).error() == Errc::limit);
    CHECK((co_await mine->read_some(asio::buffer(answer))).error() == asio::error::connection_reset);
  });
}

TEST_CASE("accept is cancelled in every stage") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    const auto flight = co_await record_flight(io, "CONNECT");
    for (const std::size_t n : {std::size_t{0}, std::size_t{60}, std::size_t{2}}) {
      Bytes part(flight.begin(), flight.begin() + static_cast<std::ptrdiff_t>(n));
      if (n == 2) part[0] = 'G';
      auto [here, there] = test::memory_stream_pair(io.get_executor());
      CHECK(!(co_await here->write_all(asio::buffer(part))).has_error());
      const auto r = co_await with_timeout(100ms, bridge.acceptor->accept(std::move(there)));
      CHECK(r.error() == Errc::timed_out);
    }
  });
}
