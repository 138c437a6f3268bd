// The session alone: what strangers' frames do to the acceptor.
#include <doctest.h>

#include "tests/support/h2_frames.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tunnel_rig.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tunnel/h2_session.hpp"
#include "transports/tunnel/proof.hpp"

using namespace surang;
using namespace surang::tunnel;
using namespace std::chrono_literals;
using test::h2::field;
using test::h2::frame;

namespace {

// The acceptor alone, with a hand-made client at its other end.
struct RawClient {
  explicit RawClient(asio::any_io_executor executor, const ServeLimits& serve_limits = {})
      : egress(executor), limits(serve_limits), tasks(executor) {
    auto [near, far] = test::memory_stream_pair(executor);
    stream = std::move(near);
    tasks.spawn(serve_it(std::move(far)));
  }

  asio::awaitable<void> serve_it(StreamPtr far) {
    Authenticated peer;
    peer.stream = std::move(far);
    const auto result =
        co_await serve(std::move(peer), UserKey{}, egress, limits, counters, user_bytes, drain);
    ended = true;
    if (!result) error = result.error();
  }

  asio::awaitable<void> send(std::string bytes) { (void)co_await stream->write_all(asio::buffer(bytes)); }

  /// Everything that comes until the other end closes, or nothing comes for a while; `patience` is for the
  /// first.
  asio::awaitable<std::string> all(std::chrono::milliseconds patience = 500ms) {
    std::string text;
    char buffer[4096];
    for (;;) {
      const auto n =
          co_await with_timeout(text.empty() ? patience : 500ms, stream->read_some(asio::buffer(buffer)));
      if (!n || *n == 0) co_return text;
      text.append(buffer, *n);
    }
  }

  /// What comes next, at least a byte of it.
  asio::awaitable<std::string> some() {
    char buffer[4096];
    const auto n = co_await with_timeout(20s, stream->read_some(asio::buffer(buffer)));
    co_return n ? std::string(buffer, *n) : std::string();
  }

  asio::awaitable<void> close() {
    stream->close();
    tasks.cancel();
    co_await tasks.join();
    egress.tasks.cancel();
    co_await egress.tasks.join();
  }

  test::ScriptedEgress egress;
  ServeLimits limits;
  ServeCounters counters;
  std::atomic<std::uint64_t> user_bytes{0};
  std::atomic<bool> drain{false};
  bool ended = false;
  error_code error;
  StreamPtr stream;
  TaskGroup tasks;
};

std::string proof_field() {
  return field("proxy-authorization", make_proof(UserKey{}, ChannelBinding{}));
}

std::string connect_request(std::uint32_t id, std::string_view host, bool proof = false) {
  return frame(1, 4, id,
               field(":method", "CONNECT") + field(":authority", host) + (proof ? proof_field() : ""));
}

std::string opening(bool proof = true) {
  return std::string(test::h2::kPreface) + frame(4, 0, 0, "") + connect_request(1, "echo.test:443", proof);
}

std::string rst(std::uint32_t id) {
  return frame(3, 0, id, std::string("\0\0\0\x08", 4));
}

}  // namespace

TEST_CASE("requests other than CONNECT host:port are refused without effect") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    RawClient client(io.get_executor());
    co_await client.send(opening());
    const auto get = field(":method", "GET") + field(":scheme", "https") + field(":authority", "a.test") +
                     field(":path", "/");
    co_await client.send(frame(1, 5, 3, get));
    const auto answers = test::h2::statuses(co_await client.all(20s));
    CHECK(answers.at(1) == "200");
    CHECK(answers.at(3) == "405");
    CHECK(client.egress.dials == 1);
    CHECK_FALSE(client.ended);
    co_await client.close();
  });
}

TEST_CASE("every malformed authority gets 400") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    RawClient client(io.get_executor());
    co_await client.send(opening());
    std::uint32_t id = 3;
    for (const auto* bad : {":443", "a.test", "a.test:0", "a.test:70000", "[::1:1", "a..test:1"}) {
      co_await client.send(connect_request(id, bad));
      id += 2;
    }
    const auto answers = test::h2::statuses(co_await client.all(20s));
    for (std::uint32_t i = 3; i < id; i += 2) {
      REQUIRE(answers.contains(i));
      CHECK(answers.at(i) == "400");
    }
    CHECK(client.egress.dials == 1);
    co_await client.close();
  });
}

TEST_CASE("without a proof nothing is ever said") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    for (const auto& start : {opening(false), std::string(test::h2::kPreface) + frame(4, 0, 0, "") +
                                                  frame(6, 0, 0, "12345678")}) {
      RawClient client(io.get_executor());
      co_await client.send(start);
      CHECK((co_await client.all()).empty());
      co_await client.send(connect_request(3, "echo.test:443", true));
      co_await client.send("garbage that is no HTTP/2 at all");
      if (start == opening(false)) {
        CHECK((co_await client.all()).empty());
        CHECK(client.counters.refused_proof == 1);
        CHECK(client.egress.dials == 0);
        CHECK_FALSE(client.ended);
      }
      co_await client.close();
    }
  });
}

TEST_CASE("floods are cut and counted") {
  struct Flood {
    std::string name;
    FloodGuard::Kind kind_of_it;
    std::string frames = {};
    std::size_t kind = static_cast<std::size_t>(kind_of_it);
  };
  using Kind = FloodGuard::Kind;
  Flood floods[6] = {{"PING", Kind::ping},        {"SETTINGS", Kind::settings},
                     {"RST_STREAM", Kind::reset}, {"empty DATA", Kind::empty_data},
                     {"PRIORITY", Kind::useless}, {"CONTINUATION", Kind::continuation}};
  for (int i = 0; i < 400; ++i) floods[0].frames += frame(6, 0, 0, "12345678");
  for (int i = 0; i < 100; ++i) floods[1].frames += frame(4, 0, 0, "");
  for (std::uint32_t i = 0; i < 2100; ++i)
    floods[2].frames += connect_request(3 + 2 * i, "slow.test:1") + rst(3 + 2 * i);
  for (int i = 0; i < 1100; ++i) floods[3].frames += frame(0, 0, 1, "");
  for (int i = 0; i < 10100; ++i) floods[4].frames += frame(2, 0, 1, std::string("\0\0\0\0\x10", 5));
  floods[5].frames = frame(1, 0, 3, field(":method", "CONNECT"));
  for (int i = 0; i < 100; ++i) floods[5].frames += frame(9, 0, 3, "");
  for (const auto& flood : floods) {
    test::run([flood](asio::io_context& io) -> asio::awaitable<void> {
      RawClient client(io.get_executor());
      co_await client.send(opening());
      co_await client.send(flood.frames);
      for (int i = 0; i < 20 && !client.ended; ++i) {
        (void)co_await client.all();
        co_await test::sleep_for(1ms);
      }
      CHECK_MESSAGE(client.ended, flood.name);
      CHECK_MESSAGE(client.error == Errc::limit, flood.name << ": " << client.error.message());
      for (std::size_t kind = 0; kind < FloodGuard::kKinds; ++kind)
        CHECK_MESSAGE(client.counters.floods[kind] == (kind == flood.kind ? 1 : 0), flood.name);
      co_await client.close();
    });
  }
}

TEST_CASE("resets of answered streams are no flood; of the others, and of what is over, they are") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    ServeLimits limits;
    limits.max_resets_per_minute = 3;
    const std::size_t kind = static_cast<std::size_t>(FloodGuard::Kind::reset);
    for (const bool unanswered : {true, false}) {
      RawClient client(io.get_executor(), limits);
      co_await client.send(opening());
      std::uint32_t id = 3;
      std::string got;  // whole, since what is said once is not repeated in later heads (RFC 7541)
      for (int i = 0; i < 10; ++i, id += 2) {
        co_await client.send(connect_request(id, i % 2 ? "stall.test:443" : "refused.test:443"));
        while (!test::h2::statuses(got).contains(id)) {
          const auto more = co_await client.some();
          REQUIRE_FALSE(more.empty());
          got += more;
        }
        co_await client.send(rst(id));
      }
      (void)co_await client.all();
      CHECK_FALSE(client.ended);
      std::string flood;
      for (int i = 0; i < 4; ++i, id += 2)
        flood += unanswered ? connect_request(id, "slow.test:443") + rst(id) : rst(3);
      co_await client.send(flood);
      for (int i = 0; i < 1000 && !client.ended; ++i) co_await test::sleep_for(1ms);
      CHECK(client.ended);
      CHECK(client.counters.floods[kind] == 1);
      co_await client.close();
    }
  });
}

TEST_CASE("too many streams and too large headers are refused one by one") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    ServeLimits limits;
    limits.max_streams = 4;
    limits.max_header_bytes = 2000;
    RawClient client(io.get_executor(), limits);
    co_await client.send(opening());
    for (std::uint32_t id = 3; id < 21; id += 2) co_await client.send(connect_request(id, "echo.test:443"));
    const auto got = co_await client.all(20s);
    CHECK(test::h2::statuses(got).size() == 4);
    CHECK(client.counters.refused_streams == 6);
    CHECK(client.egress.dials == 4);
    co_await client.send(rst(1));
    co_await client.send(frame(1, 4, 21,
                               field(":method", "CONNECT") + field(":authority", "echo.test:443") +
                                   field("x", std::string(3000, 'x'))));
    (void)co_await client.all();
    CHECK(client.counters.refused_headers == 1);
    CHECK(client.egress.dials == 4);
    CHECK_FALSE(client.ended);
    co_await client.close();
  });
}

TEST_CASE("bytes that are no HTTP/2 end the session") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    RawClient client(io.get_executor());
    co_await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK((co_await client.all()).empty());
    for (int i = 0; i < 1000 && !client.ended; ++i) co_await test::sleep_for(1ms);
    CHECK(client.ended);
    CHECK(client.error == Errc::protocol);
    co_await client.close();
  });
}

TEST_CASE("data for a stream that the bridge has closed is reset, not kept") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    RawClient client(io.get_executor());
    co_await client.send(opening());
    co_await client.send(connect_request(3, "refused.test:1"));
    (void)co_await client.all();
    co_await client.send(frame(0, 0, 3, std::string(1000, 'x')));
    const auto got = co_await client.all(20s);
    bool reset = false;
    test::h2::each(got, [&](const test::h2::Seen& f) { reset |= f.type == 3 && f.stream == 3; });
    CHECK(reset);
    co_await client.close();
  });
}

TEST_CASE("the first frames are padded, by another measure in every session") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    std::vector<std::size_t> pads;
    for (int i = 0; i < 8; ++i) {
      RawClient client(io.get_executor());
      co_await client.send(opening());
      std::string got;
      int frames = 0;
      // One byte at a time, so that its echo is a frame of its own.
      for (int k = 0; k < 40 && frames < 10; ++k) {
        co_await client.send(frame(0, 0, 1, "x"));
        got += co_await client.some();
        frames = 0;
        test::h2::each(got, [&](const test::h2::Seen& f) { frames += f.type <= 1; });
      }
      REQUIRE(frames >= 10);
      int padded = 0, seen = 0;
      test::h2::each(got, [&](const test::h2::Seen& f) {
        if (f.type > 1) return;
        ++seen;
        if ((f.flags & 8) == 0) return;
        ++padded;
        CHECK(seen == padded);  // the first ones, without a gap
        if (padded == 1) pads.push_back(f.payload.size());
      });
      CHECK(padded == 8);
      co_await client.close();
    }
    std::sort(pads.begin(), pads.end());
    CHECK(std::unique(pads.begin(), pads.end()) - pads.begin() > 3);
  });
}

TEST_CASE("a refused header does not count as a stream") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    ServeLimits limits;
    limits.max_header_bytes = 2000;
    limits.idle_session_limit = 1s;
    RawClient client(io.get_executor(), limits);
    co_await client.send(opening());
    (void)co_await client.all(20s);
    const auto large = field(":method", "CONNECT") + field(":authority", "echo.test:443") +
                       field("x", std::string(3000, 'x'));
    co_await client.send(frame(1, 4, 3, large));
    // Far longer than a session without streams may last.
    for (int i = 0; i < 6; ++i) {
      (void)co_await client.all();
      co_await client.send(frame(0, 0, 1, "x"));
    }
    CHECK(client.counters.refused_headers == 1);
    CHECK_FALSE(client.ended);
    co_await client.close();
  });
}
