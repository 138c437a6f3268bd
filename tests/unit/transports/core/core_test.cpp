// endpoint, timeout, task_group, memory streams.
#include <doctest.h>

#include <boost/asio/redirect_error.hpp>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "transports/core/endpoint.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"

using namespace surang;
using namespace std::chrono_literals;

TEST_CASE("an endpoint is normalised and checked") {
  CHECK(Endpoint::parse("Example.COM.:443").value() == Endpoint("example.com", 443));
  CHECK(Endpoint::parse("[2001:DB8::1]:53").value().to_string() == "[2001:db8::1]:53");
  CHECK(Endpoint::parse("2001:db8::1", 80).value().to_string() == "[2001:db8::1]:80");
  CHECK(Endpoint::parse("example.com", 80).value().port() == 80);
  for (const auto* bad :
       {"", ":80", "a..b:80", "example.com", "example.com:", "example.com:70000", "example.com:8x",
        "exa mple.com:80", "1.2.3:80", "[example.com]:80", "a\n.com:80", "-:99999"})
    CHECK_MESSAGE(!Endpoint::parse(bad), bad);
}

namespace {

asio::awaitable<Result<int>> answer_after(std::chrono::milliseconds delay) {
  asio::steady_timer timer(co_await asio::this_coro::executor, delay);
  co_await timer.async_wait(asio::use_awaitable);
  co_return 42;
}

asio::awaitable<Result<int>> fail() {
  throw std::logic_error("a bug");
  co_return 0;
}

asio::awaitable<void> wait_and_note(bool& unwound) {
  struct Note {
    bool& set;
    ~Note() { set = true; }
  } note{unwound};
  asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

TEST_CASE("with_timeout gives the answer, the limit, or what was thrown") {
  test::run([](asio::io_context&) -> asio::awaitable<void> {
    CHECK((co_await with_timeout(1s, answer_after(1ms))).value() == 42);
    CHECK((co_await with_timeout(5ms, answer_after(10s))).error() == Errc::timed_out);
    bool thrown = false;
    try {
      (void)co_await with_timeout(1s, fail());
    } catch (const std::logic_error&) {
      thrown = true;
    }
    CHECK(thrown);
  });
}

TEST_CASE("a task group cancels and waits") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    bool first = false, second = false;
    TaskGroup group(io.get_executor());
    group.spawn(wait_and_note(first));
    group.spawn(wait_and_note(second));
    CHECK((co_await with_timeout(1s, answer_after(1ms))).value() == 42);
    CHECK(group.size() == 2);
    group.cancel();
    co_await group.join();
    CHECK(first);
    CHECK(second);
    CHECK(group.size() == 0);
  });
}

namespace {

asio::awaitable<void> cancel_own_group(TaskGroup& group) {
  group.cancel();
  co_return;
}

}  // namespace

TEST_CASE("a task may cancel its own group") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    bool unwound = false;
    TaskGroup group(io.get_executor());
    group.spawn(wait_and_note(unwound));
    group.spawn(cancel_own_group(group));
    co_await group.join();
    CHECK(unwound);
  });
}

TEST_CASE("memory streams carry bytes, ends and resets") {
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{SIZE_MAX}})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      auto [a, b] = test::memory_stream_pair(io.get_executor(), chunk);
      const std::string text = "hello";
      CHECK((co_await a->write_all(asio::buffer(text))).has_value());
      std::string got(5, '\0');
      CHECK((co_await b->read_exactly(asio::buffer(got))).has_value());
      CHECK(got == text);
      CHECK((co_await a->shutdown_write()).has_value());
      CHECK((co_await b->read_some(asio::buffer(got))).value() == 0);
      CHECK((co_await b->write_all(asio::buffer(text))).has_value());
      a->close(true);
      CHECK((co_await b->read_some(asio::buffer(got))).has_error());
    });
}
