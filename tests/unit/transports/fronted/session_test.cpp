// Sessions whose bytes go by an edge that cuts, repeats, delays and mixes up.
#include "transports/fronted/session.hpp"

#include <doctest.h>

#include <algorithm>
#include <random>

#include "tests/support/run.hpp"
#include "tests/support/stream_words.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"

using namespace surang;
using namespace surang::fronted;
using namespace surang::test;
using namespace std::chrono_literals;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Shared = std::shared_ptr<Session>;

Shared session(asio::io_context& io, std::size_t send = 100000, std::size_t receive = 100000) {
  SessionLimits limits;
  limits.send = send;
  limits.receive = receive;
  return std::make_shared<Session>(io.get_executor(), limits);
}

// One of many that carry a direction at once, each as badly as an edge may.
asio::awaitable<void> carry(Shared from, Shared to, unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint64_t n) { return n == 0 ? 0 : random() % n; };
  while (!to->received_all()) {
    // Mostly what is missing, else anything that was not acknowledged.
    const auto oldest = from->acknowledged();
    auto at = below(2) ? std::max(oldest, to->received()) : oldest + below(from->written() - oldest + 1);
    Bytes piece(1 + below(30000));
    const auto n = from->copy_output(at, piece);
    REQUIRE(n.has_value());
    piece.resize(*n);
    if (below(3) == 0) co_await sleep_for(std::chrono::microseconds(below(300)));
    if (below(4) == 0) piece.resize(below(piece.size() + 1));  // cut on its way
    for (auto times = 1 + below(2); times > 0; --times) {
      const auto taken = co_await with_timeout(1ms, to->deliver(at, piece));
      REQUIRE((taken.has_value() || taken.error() == Errc::timed_out));
    }
    if (from->output_end() && to->received() == *from->output_end())
      REQUIRE(to->deliver_end(*from->output_end()).has_value());
    if (below(3) != 0) REQUIRE(from->acknowledge(to->received()));  // an answer that came
  }
}

}  // namespace

TEST_CASE("nothing is lost and nothing is doubled, whatever becomes of requests") {
  for (const std::size_t limit : {std::size_t{1000}, std::size_t{100000}})
    run([limit](asio::io_context& io) -> asio::awaitable<void> {
      const auto client = session(io, limit, limit), server = session(io, 2 * limit, limit / 2);
      const auto near = make_stream(client), far = make_stream(server);
      TaskGroup tasks(io.get_executor());
      for (unsigned i = 0; i < 4; ++i) {
        tasks.spawn(carry(client, server, i));
        tasks.spawn(carry(server, client, 100 + i));
      }
      const auto text = random_text(300 * std::min<std::size_t>(limit, 5000));
      std::string heard;
      tasks.spawn(say(*near, text, 40000));
      tasks.spawn(echo(*far));
      tasks.spawn(read_into(*near, 10000, heard));
      co_await tasks.join();
      CHECK(heard == text);
      CHECK_FALSE(client->failure());
      CHECK_FALSE(server->failure());
    });
}

TEST_CASE("a writer does not run ahead of requests further than it may") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    SessionLimits limits;
    limits.unsent = 10;
    const auto s = std::make_shared<Session>(io.get_executor(), limits);
    const auto stream = make_stream(s);
    const std::string text(25, 'a');
    TaskGroup tasks(io.get_executor());
    bool all = false;
    const auto write = [](Stream& to, const std::string& what, bool& done) -> asio::awaitable<void> {
      const auto said = co_await to.write_all(asio::buffer(what));
      done = said.has_value();
    };
    tasks.spawn(write(*stream, text, all));
    co_await sleep_for(5ms);
    CHECK(s->written() == 10);
    Bytes out(4);
    CHECK(s->copy_output(0, out).value() == 4);
    CHECK(s->copy_output(2, out).value() == 4);
    co_await sleep_for(5ms);
    CHECK(s->written() == 16);
    CHECK(s->copy_output(1, out).value() == 4);  // again: nothing new
    co_await sleep_for(5ms);
    CHECK(s->written() == 16);
    REQUIRE(s->acknowledge(15));  // by whom it was taken elsewhere
    co_await tasks.join();
    CHECK(s->written() == 25);
    CHECK(all);
  });
}

TEST_CASE("a writer waits for acknowledgements, a request for room") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto s = session(io, 10, 10);
    const auto stream = make_stream(s);
    const std::string text = "0123456789abcdef";
    const auto full = co_await with_timeout(10ms, stream->write_all(asio::buffer(text)));
    CHECK(full.error() == Errc::timed_out);
    CHECK(s->written() == 10);
    REQUIRE(s->acknowledge(4));
    const auto rest = stream->try_write(asio::buffer(text));
    CHECK(rest->size() == 12);
    Bytes out(20);
    CHECK(s->copy_output(3, out).error() == Errc::bad_input);
    CHECK(s->copy_output(15, out).error() == Errc::bad_input);
    CHECK(s->copy_output(4, out).value() == 10);
    CHECK_FALSE(s->acknowledge(15));

    const Bytes bytes(text.begin(), text.end());
    const auto too_much = co_await with_timeout(10ms, s->deliver(0, bytes));
    CHECK(too_much.error() == Errc::timed_out);
    CHECK(s->received() == 10);
    std::string part(6, '\0');
    CHECK(stream->try_read(asio::buffer(part)).value() == 6);
    const auto now = co_await s->deliver(10, std::span(bytes).last(6));
    CHECK(now.has_value());
    CHECK(s->received() == 16);
  });
}

TEST_CASE("an end is one once all before it has come, and holds") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto s = session(io);
    const auto stream = make_stream(s);
    const Bytes bytes{'a', 'b', 'c'};
    CHECK(s->deliver_end(3).has_value());
    CHECK_FALSE(s->received_all());
    std::string part(6, '\0');
    CHECK(stream->try_read(asio::buffer(part)).error() == Errc::would_block);
    const auto come = co_await s->deliver(0, bytes);
    CHECK(come.has_value());
    CHECK(stream->try_read(asio::buffer(part)).value() == 3);
    CHECK(stream->try_read(asio::buffer(part)).value() == 0);
    CHECK(s->deliver_end(3).has_value());
    CHECK(s->deliver_end(4).error() == Errc::protocol);
    CHECK(s->deliver_end(2).error() == Errc::protocol);
    const auto behind = co_await s->deliver(3, bytes);
    CHECK(behind.error() == Errc::protocol);
    const auto ended = co_await stream->shutdown_write();
    CHECK(ended.has_value());
    CHECK(stream->try_write(asio::buffer(part)).error() == Errc::closed);
    stream->close();
    CHECK(s->left());
    CHECK_FALSE(s->failure());
  });
}

TEST_CASE("whoever waits learns that the session is broken, or left") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    for (const bool left : {false, true}) {
      const auto s = session(io, 10, 10);
      auto stream = make_stream(s);
      Result<void> output = make_error_code(Errc::limit), room = output;
      bool gone = false;
      const Bytes bytes(20);
      struct Wait {
        static asio::awaitable<void> for_output(Session& s, Result<void>& out) {
          out = co_await s.wait_output(0);
        }
        static asio::awaitable<void> for_room(Session& s, const Bytes& bytes, Result<void>& out) {
          out = co_await s.deliver(0, bytes);
        }
        static asio::awaitable<void> for_end(Session& s, bool& out) {
          co_await s.wait_left();
          out = true;
        }
      };
      TaskGroup tasks(io.get_executor());
      tasks.spawn(Wait::for_output(*s, output));
      tasks.spawn(Wait::for_room(*s, bytes, room));
      tasks.spawn(Wait::for_end(*s, gone));
      co_await sleep_for(1ms);
      left ? stream.reset() : s->fail(make_error_code(Errc::truncated));
      co_await tasks.join();
      const auto why = make_error_code(left ? Errc::closed : Errc::truncated);
      CHECK(output.error() == why);
      CHECK(room.error() == why);
      CHECK(gone);
      if (left) continue;
      std::string part(20, '\0');
      CHECK(stream->try_read(asio::buffer(part)).value() == 10);  // that had come
      CHECK(stream->try_read(asio::buffer(part)).error() == why);
      const auto said = co_await stream->write_all(asio::buffer(part));
      CHECK(said.error() == why);
    }
  });
}
