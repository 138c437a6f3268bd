// relay over memory streams (also one byte at a time), over TCP through splice, and over TCP by copying.
#include "transports/core/relay.hpp"

#include <doctest.h>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cstring>
#include <filesystem>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/unit/transports/tcp/loopback.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/core/wrapping_stream.hpp"

using namespace surang;
using namespace std::chrono_literals;

namespace {

// A TCP stream that does not show its socket, so that the relay has to copy.
using Opaque = WrappingStream;

enum class Kind { memory, byte_by_byte, splice, copy };
constexpr Kind kKinds[] = {Kind::memory, Kind::byte_by_byte, Kind::splice, Kind::copy};

// client <-> a ==relay== b <-> server
struct Bench {
  Bench(asio::io_context& io, Kind kind) : group(io.get_executor()) {
    if (kind == Kind::memory || kind == Kind::byte_by_byte) {
      const std::size_t chunk = kind == Kind::memory ? SIZE_MAX : 1;
      std::tie(client, a) = test::memory_stream_pair(io.get_executor(), chunk, 4096);
      std::tie(b, server) = test::memory_stream_pair(io.get_executor(), chunk, 4096);
    } else {
      std::tie(client, a) = test::tcp_pair(io);
      std::tie(b, server) = test::tcp_pair(io);
    }
    if (kind == Kind::copy)
      a = std::make_unique<Opaque>(std::move(a)), b = std::make_unique<Opaque>(std::move(b));
  }
  void start(RelayOptions options = {}) { group.spawn(run(options)); }
  asio::awaitable<void> run(RelayOptions options) {
    outcome = co_await relay(*a, *b, options);
    ended = true;
  }

  StreamPtr client, a, b, server;
  RelayOutcome outcome;
  bool ended = false;
  TaskGroup group;
};

asio::awaitable<void> send(Stream& to, std::string text) {
  const auto sent = co_await to.write_all(asio::buffer(text));
  CHECK(sent.has_value());
}

asio::awaitable<void> expect(Stream& from, std::string text) {
  std::string got(text.size(), '?');
  const auto read = co_await with_timeout(10s, from.read_exactly(asio::buffer(got)));
  CHECK(read.has_value());
  CHECK(got == text);
}

asio::awaitable<void> expect_end(Stream& from) {
  char byte;
  const auto n = co_await with_timeout(10s, from.read_some(asio::buffer(&byte, 1)));
  CHECK(n.has_value());
  if (n) CHECK(*n == 0);
}

asio::awaitable<void> expect_reset(Stream& from) {
  char byte;
  const auto n = co_await with_timeout(10s, from.read_some(asio::buffer(&byte, 1)));
  CHECK(n.has_error());
  CHECK(n.error() == asio::error::connection_reset);
}

struct Hash {
  std::uint64_t value = 14695981039346656037U, bytes = 0;
  void add(const std::uint8_t* data, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) value = (value ^ data[i]) * 1099511628211U;
    bytes += n;
  }
};

asio::awaitable<void> send_noise(Stream& to, std::size_t bytes, std::uint64_t seed, Hash& hash) {
  std::vector<std::uint8_t> block(100'000);
  while (hash.bytes < bytes) {
    for (std::size_t i = 0; i + 8 <= block.size(); i += 8) {
      seed = seed * 6364136223846793005U + 1442695040888963407U;
      std::memcpy(&block[i], &seed, 8);
    }
    const auto n = std::min(block.size(), bytes - static_cast<std::size_t>(hash.bytes));
    hash.add(block.data(), n);
    const auto sent = co_await to.write_all(asio::buffer(block.data(), n));  // a CHECK would swallow a cancel
    REQUIRE(sent.has_value());
  }
  const auto told = co_await to.shutdown_write();
  CHECK(told.has_value());
}

asio::awaitable<void> receive_noise(Stream& from, Hash& hash) {
  std::vector<std::uint8_t> block(150'000);
  for (;;) {
    const auto n = co_await from.read_some(asio::buffer(block));
    REQUIRE(n.has_value());
    if (*n == 0) break;
    hash.add(block.data(), *n);
  }
}

asio::awaitable<Result<void>> joined(TaskGroup& group) {
  co_await group.join();
  co_return Result<void>{};
}

asio::awaitable<void> with_timeout_or_fail(TaskGroup& group) {
  const auto ended = co_await with_timeout(10s, joined(group));
  REQUIRE(ended.has_value());
}

std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

}  // namespace

TEST_CASE("a relay passes bytes, and each end of a direction by itself") {
  for (const auto kind : kKinds)
    for (const bool client_first : {true, false})
      test::run([=](asio::io_context& io) -> asio::awaitable<void> {
        Bench bench(io, kind);
        RelayCounters counters;
        RelayOptions options;
        options.counters = &counters;
        bench.start(options);
        co_await send(*bench.client, "question");
        co_await expect(*bench.server, "question");
        auto& first = client_first ? *bench.client : *bench.server;
        auto& second = client_first ? *bench.server : *bench.client;
        CHECK((co_await first.shutdown_write()).has_value());
        co_await expect_end(second);
        co_await send(second, "more");
        co_await expect(first, "more");
        CHECK(!bench.ended);
        CHECK((co_await second.shutdown_write()).has_value());
        co_await expect_end(first);
        co_await bench.group.join();
        CHECK(bench.ended);
        CHECK(bench.outcome.end == RelayEnd::clean);
        CHECK(counters.a_to_b == (client_first ? 8 : 12));
        CHECK(counters.b_to_a == (client_first ? 4 : 0));
        CHECK(bench.a->native_socket() == -1);
      });
}

TEST_CASE("a reset on one side is a reset on the other") {
  for (const auto kind : kKinds)
    for (const bool client_breaks : {true, false})
      test::run([=](asio::io_context& io) -> asio::awaitable<void> {
        Bench bench(io, kind);
        bench.start();
        co_await send(*bench.client, "x");
        co_await expect(*bench.server, "x");
        (client_breaks ? bench.client : bench.server)->close(true);
        co_await expect_reset(client_breaks ? *bench.server : *bench.client);
        co_await bench.group.join();
        CHECK(bench.outcome.end == (client_breaks ? RelayEnd::a_failed : RelayEnd::b_failed));
        CHECK(bench.outcome.error == asio::error::connection_reset);
      });
}

TEST_CASE("an early answer to an upload arrives before the reset") {
  for (const auto kind : {Kind::splice, Kind::copy})
    test::run([=](asio::io_context& io) -> asio::awaitable<void> {
      Bench bench(io, kind);
      co_await send(*bench.client, std::string(50'000, 'u'));
      co_await send(*bench.server, "413");
      char byte;
      (void)bench.server->try_read(asio::buffer(&byte, 1));
      bench.server->close(true);
      bench.start();
      co_await expect(*bench.client, "413");
      co_await expect_reset(*bench.client);
      co_await bench.group.join();
      CHECK(bench.outcome.end == RelayEnd::b_failed);
    });
}

TEST_CASE("an end that has said its last and resets later is noticed without another write") {
  for (const auto kind : {Kind::splice, Kind::copy})
    test::run([=](asio::io_context& io) -> asio::awaitable<void> {
      Bench bench(io, kind);
      bench.start();
      co_await send(*bench.server, "bye");
      CHECK((co_await bench.server->shutdown_write()).has_value());
      co_await expect(*bench.client, "bye");
      co_await expect_end(*bench.client);
      bench.server->close();                 // gone: its kernel answers what still comes with RST
      co_await send(*bench.client, "late");  // one write, which still succeeds
      if (kind == Kind::splice) {
        co_await with_timeout_or_fail(bench.group);
        CHECK(bench.outcome.end == RelayEnd::b_failed);
        const auto broken = co_await bench.client->wait_broken();
        CHECK(broken.has_error());
      } else {
        bench.group.cancel();  // it does not show its socket: nothing to watch
        co_await bench.group.join();
      }
    });
}

TEST_CASE("a half-open relay ends quietly for the end that was told, with a reset for the other") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bench bench(io, Kind::splice);
    RelayOptions half;
    half.half_open_limit = 1s;
    bench.start(half);
    CHECK((co_await bench.server->shutdown_write()).has_value());
    co_await expect_end(*bench.client);
    co_await bench.group.join();
    CHECK(bench.outcome.end == RelayEnd::idle);
    co_await expect_reset(*bench.server);
    char byte;
    CHECK((co_await bench.client->read_some(asio::buffer(&byte, 1))).value() == 0);  // no reset came after it
  });
}

TEST_CASE("a quiet relay ends, a half-open one sooner, a busy one does not") {
  for (const auto kind : {Kind::memory, Kind::splice})
    test::run([=](asio::io_context& io) -> asio::awaitable<void> {
      RelayOptions quick;
      quick.idle_limit = 1s;
      Bench quiet(io, kind);
      quiet.start(quick);
      RelayOptions half;
      half.half_open_limit = 1s;
      Bench half_open(io, kind);
      half_open.start(half);
      CHECK((co_await half_open.client->shutdown_write()).has_value());
      Bench busy(io, kind);
      busy.start(quick);
      const auto began = std::chrono::steady_clock::now();
      std::chrono::steady_clock::duration quiet_for{};
      for (int i = 0; i < 18 || (!(quiet.ended && half_open.ended) && i < 200); ++i) {
        co_await send(*busy.client, "tick");
        co_await test::sleep_for(100ms);
        if (!quiet.ended) quiet_for = std::chrono::steady_clock::now() - began;
      }
      CHECK(quiet.ended);
      CHECK(quiet_for >= 850ms);
      CHECK(quiet.outcome.end == RelayEnd::idle);
      CHECK(quiet.outcome.error == Errc::timed_out);
      CHECK(half_open.outcome.end == RelayEnd::idle);
      CHECK(!busy.ended);
      busy.group.cancel();
      co_await busy.group.join();
    });
}

TEST_CASE("a hundred megabytes both ways at once arrive unharmed") {
  for (const auto kind : kKinds)
    test::run(
        [=](asio::io_context& io) -> asio::awaitable<void> {
          const std::size_t bytes = kind == Kind::byte_by_byte ? 100'000
                                    : kind == Kind::memory     ? 4'000'000
                                                               : 100'000'000;
          Bench bench(io, kind);
          RelayCounters counters;
          RelayOptions options;
          options.counters = &counters;
          bench.start(options);
          Hash up, down, up_got, down_got;
          bench.group.spawn(send_noise(*bench.client, bytes, 1, up));
          bench.group.spawn(send_noise(*bench.server, bytes, 2, down));
          bench.group.spawn(receive_noise(*bench.server, up_got));
          bench.group.spawn(receive_noise(*bench.client, down_got));
          co_await bench.group.join();
          CHECK(bench.outcome.end == RelayEnd::clean);
          CHECK(up.bytes == bytes);
          CHECK(up_got.bytes == bytes);
          CHECK(up_got.value == up.value);
          CHECK(down_got.value == down.value);
          CHECK(counters.a_to_b == bytes);
          CHECK(counters.b_to_a == bytes);
        },
        120s);
}

TEST_CASE("a relay cancelled anywhere closes both ends and leaves nothing") {
  for (const auto kind : kKinds)
    for (const int delay : {0, 1, 3, 10})
      test::run([=](asio::io_context& io) -> asio::awaitable<void> {
        const auto open_before = open_descriptors();
        std::size_t spare_pipes = 0;
        {
          Bench bench(io, kind);
          bench.start();
          TaskGroup load(io.get_executor());
          Hash up;
          load.spawn(send_noise(*bench.client, SIZE_MAX, 1, up));  // the server does not read: writes wait
          if (delay == 3) CHECK((co_await bench.server->shutdown_write()).has_value());
          co_await test::sleep_for(std::chrono::milliseconds(delay));
          load.cancel();
          co_await load.join();
          bench.group.cancel();
          co_await bench.group.join();
          CHECK(!bench.ended);  // it threw
          CHECK(bench.a->try_read(asio::mutable_buffer()).error() == Errc::closed);
          spare_pipes = open_descriptors() - open_before;
        }
        CHECK(open_descriptors() <= open_before + spare_pipes);
      });
}

TEST_CASE("a relay under way may go down with its context") {
  for (const auto kind : kKinds) {
    asio::io_context io(1);
    Bench bench(io, kind);
    bench.start();
    io.poll();
  }
}

TEST_CASE("an endless relay lets others run") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bench bench(io, Kind::splice);
    bench.start();
    Hash up, got;
    TaskGroup load(io.get_executor());
    load.spawn(send_noise(*bench.client, SIZE_MAX, 1, up));
    load.spawn(receive_noise(*bench.server, got));
    auto soonest = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 20; ++i) {
      const auto before = std::chrono::steady_clock::now();
      co_await test::sleep_for(1ms);
      soonest = std::min(soonest, std::chrono::steady_clock::now() - before);
    }
    CHECK(soonest < 500ms);
    CHECK(got.bytes > 0);
    load.cancel();
    co_await load.join();
    bench.group.cancel();
    co_await bench.group.join();
  });
}
