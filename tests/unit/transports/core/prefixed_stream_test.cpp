// Bytes that were read before come first.
#include "transports/core/prefixed_stream.hpp"

#include <doctest.h>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/support/stream_words.hpp"

using namespace surang;

TEST_CASE("what was read before comes first, in any pieces, and then the rest to its end") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [near, far] = test::memory_stream_pair(io.get_executor());
    co_await test::put(*far, "rest");
    const auto ended = co_await far->shutdown_write();
    CHECK(ended.has_value());
    auto stream = make_prefixed_stream("first ", std::move(near));
    std::string two(2, '\0');
    const auto got = co_await stream->read_exactly(asio::buffer(two));
    CHECK(got.has_value());
    CHECK(two == "fi");
    const auto heard = co_await test::read_to_end(*stream);
    CHECK(heard == "rst rest");
    co_await test::put(*stream, "back");
    std::string back(4, '\0');
    const auto returned = co_await far->read_exactly(asio::buffer(back));
    CHECK(returned.has_value());
    CHECK(back == "back");
  });
}

TEST_CASE("without any such bytes it is the stream itself") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [near, far] = test::memory_stream_pair(io.get_executor());
    const auto* plain = near.get();
    CHECK(make_prefixed_stream({}, std::move(near)).get() == plain);
    co_return;
  });
}
