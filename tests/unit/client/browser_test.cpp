#include "client/browser.hpp"

#include <doctest.h>

#include "tests/support/run.hpp"
#include "tests/unit/transports/tcp/loopback.hpp"

using namespace surang;
using namespace surang::client;
using namespace std::chrono_literals;

TEST_CASE("what a browser says is read whole, whatever its size and end") {
  for (const bool reset : {false, true})
    for (const std::size_t size : {1, 4095, 4096, 4097, 10'000})
      test::run([=](asio::io_context& io) -> asio::awaitable<void> {
        auto [far, near] = test::tcp_pair(io);
        Browser browser(std::move(near));
        CHECK((co_await browser.read_more(1ms)).error() == Errc::timed_out);
        std::string said(size, '-');
        for (std::size_t i = 0; i < size; ++i) said[i] = static_cast<char>('a' + i % 23);
        CHECK((co_await far->write_all(asio::buffer(said))).has_value());
        if (!reset) CHECK((co_await far->shutdown_write()).has_value());
        while (browser.input.size() < size) {
          const auto n = co_await browser.read_more(10s);
          REQUIRE(n.has_value());
          REQUIRE(*n > 0);
        }
        CHECK(browser.input == said);
        CHECK(!browser.ended);
        if (reset) far->close(true);
        const auto end = co_await browser.read_more(10s);
        if (reset) {
          CHECK(end.error() == asio::error::connection_reset);
        } else {
          CHECK(end.value() == 0);
          CHECK(browser.ended);
        }
        CHECK(browser.input == said);
      });
}
