// endpoint, timeout, task_group, memory streams.
#include <doctest.h>

#include <boost/asio/redirect_error.hpp>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "transports/core/endpoint.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/core/wakeup.hpp"

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

TEST_CASE("an endpoint knows whether its host is an address") {
  const auto v4 = asio::ip::make_address("192.0.2.70"), v6 = asio::ip::make_address("2001:db8::1");
  CHECK(Endpoint::parse("192.0.2.70:80").value().address() == v4);
  CHECK(Endpoint::parse("[2001:DB8:0::1]:80").value().address() == v6);
  CHECK(Endpoint("192.0.2.70", 80) == Endpoint(v4, 80));
  CHECK(Endpoint(v4, 80).host() == "192.0.2.70");
  CHECK(Endpoint(v6, 80).host() == "2001:db8::1");
  for (const auto* name : {"", "example.com", "a1", "host-9", "1.2.3.4.example", "10.0.0"})
    CHECK_MESSAGE(!address_literal(name), name);
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

TEST_CASE("who waits for a group hands a cancellation on to it") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    for (const bool at_once : {true, false}) {
      bool inner = false, after = false;
      const auto wait_for_group = [&]() -> asio::awaitable<void> {
        TaskGroup group(io.get_executor());
        group.spawn(wait_and_note(inner));
        co_await group.join_or_cancel();
        co_await wait_and_note(after);  // is cancelled as ever
      };
      TaskGroup outer(io.get_executor());
      outer.spawn(wait_for_group());
      if (!at_once) co_await test::sleep_for(2ms);
      outer.cancel();
      co_await outer.join();
      CHECK(inner);
      CHECK_FALSE(after);
    }
  });
}

TEST_CASE("a task ends itself by its handle, alone, before and after it waits") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    bool early = false, late = false, other = false;
    TaskGroup group(io.get_executor());
    group.spawn(wait_and_note(other));
    const auto cancel_first = [](TaskGroup::Task task, bool& unwound) -> asio::awaitable<void> {
      task.cancel();
      co_await wait_and_note(unwound);
    };
    group.spawn([&](TaskGroup::Task task) { return cancel_first(task, early); });
    asio::steady_timer timer(io, 1ms);
    group.spawn([&](TaskGroup::Task task) {
      timer.async_wait([task](boost::system::error_code) { task.cancel(); });
      return wait_and_note(late);
    });
    for (int i = 0; i < 1000 && group.size() > 1; ++i) co_await test::sleep_for(1ms);
    CHECK(!early);  // never began to wait
    CHECK(late);
    CHECK(group.size() == 1);
    CHECK(!other);
    group.cancel();
    co_await group.join();
  });
}

namespace {

// Works with itself, in tasks of its own.
struct Owner {
  Owner(asio::any_io_executor executor, bool& is_gone) : gone(is_gone), tasks(std::move(executor)) {}
  ~Owner() { gone = true; }
  asio::awaitable<void> work() {
    struct Last {
      Owner& owner;
      ~Last() { ++owner.unwound; }
    };
    const Last last{*this};
    co_await test::sleep_for(1h);
  }
  bool& gone;
  int unwound = 0;
  TaskGroup tasks;
};

}  // namespace

TEST_CASE("tasks keep their group's owner until they have unwound, and where they never do") {
  for (const bool cancelled : {true, false}) {
    bool gone = false;
    {
      asio::io_context io;
      auto owner = std::make_shared<Owner>(io.get_executor(), gone);
      owner->tasks.kept_by(owner);
      for (int i = 0; i < 2; ++i) owner->tasks.spawn(owner->work());
      io.run_for(1ms);
      if (cancelled) owner->tasks.cancel();
      owner.reset();
      CHECK_FALSE(gone);
      if (cancelled) io.run();
      CHECK(gone == cancelled);
    }
    CHECK(gone);
  }
}

TEST_CASE("a group that work ends with is empty afterwards, however that came") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    bool first = false, second = false, third = false;
    TaskGroup group(io.get_executor());
    group.spawn(wait_and_note(first));
    CHECK((co_await group.end_with(answer_after(1ms))).value() == 42);
    CHECK(first);
    group.spawn(wait_and_note(second));
    auto work = group.end_with(answer_after(1h));
    const auto late = co_await with_timeout(5ms, std::move(work));
    CHECK(late.has_error());
    CHECK(second);
    CHECK(group.size() == 0);
    group.spawn(wait_and_note(third));
    group.cancel();
    co_await group.join();
    CHECK(third);
  });
}

TEST_CASE("a wakeup wakes those who wait, once") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Wakeup wakeup, sibling;
    wakeup.notify();  // nobody waits: forgotten
    int woken = 0;
    TaskGroup group(io.get_executor());
    const auto wait = [&](Wakeup& on) -> asio::awaitable<void> {
      co_await on.wait(io.get_executor());
      ++woken;
    };
    group.spawn(wait(wakeup));
    group.spawn(wait(wakeup));
    sibling.share_context(wakeup);
    group.spawn(wait(sibling));
    co_await test::sleep_for(1ms);
    CHECK(woken == 0);
    wakeup.notify();
    co_await test::sleep_for(1ms);
    CHECK(woken == 2);
    group.cancel();
    co_await group.join();
    CHECK(woken == 2);
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
      CHECK((co_await b->read_some_for(asio::buffer(got), 1ms)).error() == Errc::timed_out);
      CHECK((co_await a->write_all(asio::buffer(text))).has_value());
      const auto some = co_await b->read_some_for(asio::buffer(got), 10s);
      CHECK(some.value() == std::min(chunk, text.size()));
      CHECK((co_await b->read_exactly(asio::buffer(got.data(), text.size() - *some))).has_value());
      CHECK((co_await a->shutdown_write()).has_value());
      CHECK((co_await b->read_some(asio::buffer(got))).value() == 0);
      CHECK((co_await b->write_all(asio::buffer(text))).has_value());
      a->close(true);
      CHECK((co_await b->read_some(asio::buffer(got))).has_error());
    });
}
