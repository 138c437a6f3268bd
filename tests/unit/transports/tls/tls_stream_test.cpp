// TlsStream with the real OpenSSL at both ends, over memory.
#include "transports/tls/tls_stream.hpp"

#include <doctest.h>
#include <openssl/evp.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>

#include "tests/support/run.hpp"
#include "tests/unit/transports/tls/tls_talk.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tls/client_hello.hpp"

using namespace surang;
using namespace surang::tls;
using namespace std::chrono_literals;

namespace {

constexpr std::array kNames{"other.example", "127.0.0.1", kName};

// Bytes that repeat only after long, and a digest of what went by.
struct Pattern {
  explicit Pattern(unsigned s) : seed(s) {}
  void next(std::vector<std::uint8_t>& block) {
    for (auto& b : block) {
      seed = seed * 1664525U + 1013904223U;
      b = static_cast<std::uint8_t>(seed >> 24);
    }
  }
  unsigned seed;
};

struct Digest {
  Digest() : context(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  }
  void add(const std::uint8_t* data, std::size_t size) { EVP_DigestUpdate(context.get(), data, size); }
  std::string end() {
    std::string out(32, '\0');
    EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr);
    return out;
  }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context;
};

asio::awaitable<void> send_pattern(Stream& stream, std::size_t total, unsigned seed, std::string& digest) {
  std::vector<std::uint8_t> block(70001);
  Pattern pattern(seed);
  Digest sha;
  for (std::size_t sent = 0; sent < total;) {
    pattern.next(block);
    const auto n = std::min(total - sent, block.size());
    sha.add(block.data(), n);
    const auto r = co_await stream.write_all(asio::buffer(block.data(), n));
    REQUIRE_MESSAGE(!r.has_error(), r.error().message());
    sent += n;
  }
  CHECK(!(co_await stream.shutdown_write()).has_error());
  digest = sha.end();
}

asio::awaitable<void> hash_all(Stream& stream, std::string& digest, std::size_t& total) {
  std::vector<std::uint8_t> block(50000);
  Digest sha;
  for (;;) {
    const auto r = co_await stream.read_some(asio::buffer(block));
    REQUIRE_MESSAGE(!r.has_error(), r.error().message());
    if (*r == 0) break;
    total += *r;
    sha.add(block.data(), *r);
  }
  digest = sha.end();
}

// Verified TLS as a client that trusts `certificate_pem` alone.
asio::awaitable<Result<std::unique_ptr<TlsStream>>> connect(StreamPtr raw, std::string certificate_pem,
                                                            std::string name = kName) {
  std::vector<std::string> alpn(1, "h2");
  co_return co_await connect_verified(std::move(raw), test::make_tls_client(certificate_pem), std::move(name),
                                      std::move(alpn));
}

}  // namespace

TEST_CASE("a verified connection carries bytes both ways, also one byte at a time") {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}, std::size_t{7}})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      const auto server = test::make_tls_server(kName);
      auto [a, b] = test::memory_stream_pair(io.get_executor(), chunk);
      auto there = server_end(std::move(b), server);
      TaskGroup tasks(io.get_executor());
      tasks.spawn(echo(*there));
      auto connected = co_await connect(std::move(a), server.certificate_pem);
      REQUIRE_MESSAGE(!connected.has_error(), connected.error().message());
      auto here = std::move(*connected);
      CHECK(chose_h2(*here));
      const std::string text(20000, 'x');
      co_await write_text(*here, text);
      co_await expect_text(*here, text);
      CHECK(!(co_await here->shutdown_write()).has_error());
      co_await expect_end(*here);
      co_await tasks.join();
    });
}

TEST_CASE("a certificate that does not verify is told from other failures") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto server = test::make_tls_server(kName);
    for (const std::string name : kNames) {
      const auto trusted =
          name == kName ? test::make_tls_server(kName).certificate_pem : server.certificate_pem;
      auto [a, b] = test::memory_stream_pair(io.get_executor());
      auto there = server_end(std::move(b), server);
      TaskGroup tasks(io.get_executor());
      Result<void> outcome;
      tasks.spawn(shake(*there, outcome));
      const auto connected = co_await connect(std::move(a), trusted, name);
      CHECK(connected.error() == Errc::certificate);
      co_await tasks.join();
      // The alert has reached the server: with TLS 1.3 its own handshake fails on it.
      CHECK(outcome.error() == Errc::protocol);
      CHECK(there->openssl_error().find("alert") != std::string::npos);
    }
  });
}

TEST_CASE("a peer that speaks no TLS, and one that goes away, are told apart") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto pem = test::make_tls_server(kName).certificate_pem;
    {
      auto [a, b] = test::memory_stream_pair(io.get_executor());
      co_await write_text(*b, "HTTP/1.1 400 Bad Request\r\n\r\n");
      CHECK((co_await connect(std::move(a), pem)).error() == Errc::protocol);
    }
    {
      auto [a, b] = test::memory_stream_pair(io.get_executor());
      CHECK(!(co_await b->shutdown_write()).has_error());
      CHECK((co_await connect(std::move(a), pem)).error() == Errc::truncated);
    }
    {
      auto [a, b] = test::memory_stream_pair(io.get_executor());
      b->close(true);
      CHECK((co_await connect(std::move(a), pem)).error() == asio::error::connection_reset);
    }
  });
}

TEST_CASE("an end without close_notify is a truncation") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto server = test::make_tls_server(kName);
    auto [a, b] = test::memory_stream_pair(io.get_executor());
    auto* raw = b.get();
    auto there = server_end(std::move(b), server);
    TaskGroup tasks(io.get_executor());
    Result<void> outcome;
    tasks.spawn(shake(*there, outcome));
    auto connected = co_await connect(std::move(a), server.certificate_pem);
    REQUIRE(!connected.has_error());
    auto here = std::move(*connected);
    co_await tasks.join();
    co_await write_text(*there, "half an ans");
    CHECK(!(co_await raw->shutdown_write()).has_error());
    co_await expect_text(*here, "half an ans");
    std::array<char, 10> more{};
    CHECK((co_await here->read_some(asio::buffer(more))).error() == Errc::truncated);
  });
}

TEST_CASE("50 MB each way at once arrive as they were sent") {
  for (const bool varied : {false, true})
    test::run(
        [varied](asio::io_context& io) -> asio::awaitable<void> {
          const auto server = test::make_tls_server(kName);
          auto [a, b] = test::memory_stream_pair(io.get_executor(), SIZE_MAX, 100000);
          TlsTuning tuning;
          tuning.vary_records = varied;
          auto there = server_end(std::move(b), server, tuning);
          TaskGroup tasks(io.get_executor());
          Result<void> outcome;
          tasks.spawn(shake(*there, outcome));
          auto here = std::move(*co_await connect_verified(
              std::move(a), test::make_tls_client(server.certificate_pem), kName, {}));
          co_await tasks.join();
          std::string sent_up, sent_down, got_up, got_down;
          std::size_t up = 0, down = 0;
          const std::size_t size = varied ? 3'000'000 : 50'000'000;
          tasks.spawn(send_pattern(*here, size, 1, sent_up));
          tasks.spawn(send_pattern(*there, size, 2, sent_down));
          tasks.spawn(hash_all(*here, got_down, down));
          tasks.spawn(hash_all(*there, got_up, up));
          co_await tasks.join();
          CHECK(up == size);
          CHECK(down == size);
          CHECK(sent_up == got_up);
          CHECK(sent_down == got_down);
        },
        120s);
}

TEST_CASE("KeyUpdate asked for by the peer is answered while both sides go on") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto server = test::make_tls_server(kName);
    auto [a, b] = test::memory_stream_pair(io.get_executor());
    auto there = server_end(std::move(b), server);
    TaskGroup tasks(io.get_executor());
    tasks.spawn(echo(*there));
    auto connected = co_await connect(std::move(a), server.certificate_pem);
    REQUIRE(!connected.has_error());
    auto here = std::move(*connected);
    for (int i = 0; i < 3; ++i) {
      CHECK(SSL_key_update(here->ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
      co_await write_text(*here, "still here");
      co_await expect_text(*here, "still here");
    }
    CHECK(!(co_await here->shutdown_write()).has_error());
    co_await expect_end(*here);
    co_await tasks.join();
  });
}

TEST_CASE("cancelled operations unwind; a cut write lets nothing follow it") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto server = test::make_tls_server(kName);
    auto [a, b] = test::memory_stream_pair(io.get_executor(), SIZE_MAX, 20000);
    auto there = server_end(std::move(b), server);
    Result<void> outcome;
    TaskGroup tasks(io.get_executor());
    tasks.spawn(shake(*there, outcome));
    auto connected = co_await connect(std::move(a), server.certificate_pem);
    REQUIRE(!connected.has_error());
    auto here = std::move(*connected);
    co_await tasks.join();
    std::array<char, 100> into{};
    Result<void> waited;
    for (int i = 0; i < 5 && !waited.has_error(); ++i) {  // the tickets wake it
      CHECK(here->try_read(asio::buffer(into)).error() == Errc::would_block);
      waited = co_await with_timeout(10ms, here->wait_readable());
    }
    CHECK(waited.error() == Errc::timed_out);
    // Reading still works after that.
    co_await write_text(*there, "on we go");
    co_await expect_text(*here, "on we go");
    // The peer does not read: the write cannot end.
    const std::string much(200000, 'm');
    CHECK((co_await with_timeout(10ms, here->write_all(asio::buffer(much)))).error() == Errc::timed_out);
    CHECK((co_await here->write_all(asio::buffer(into))).error() == Errc::closed);
  });
}
