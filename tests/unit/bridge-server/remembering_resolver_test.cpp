#include "bridge-server/cover/remembering_resolver.hpp"

#include <doctest.h>

#include "tests/support/run.hpp"

namespace asio = boost::asio;
using namespace surang;
using namespace std::chrono_literals;

namespace {

using Addresses = std::vector<asio::ip::address>;

// Gives 192.0.2.N at the Nth question, or fails.
class Counting : public Resolver {
 public:
  boost::asio::awaitable<Result<Addresses>> resolve(std::string) override {
    if (delay > 0ms) co_await test::sleep_for(delay);
    ++asked;
    if (broken) co_return make_error_code(Errc::timed_out);
    co_return Addresses{asio::ip::make_address("192.0.2." + std::to_string(asked))};
  }
  int asked = 0;
  bool broken = false;
  std::chrono::milliseconds delay{0};
};

asio::awaitable<std::string> first(Resolver& resolver) {
  const auto answer = co_await resolver.resolve("cover.test");
  co_return answer ? answer->front().to_string() : answer.error().message();
}

}  // namespace

TEST_CASE("a fresh answer is given without asking again") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Counting names;
    bridge::RememberingResolver resolver(io.get_executor(), names);
    CHECK((co_await first(resolver)) == "192.0.2.1");
    CHECK((co_await first(resolver)) == "192.0.2.1");
    CHECK(names.asked == 1);
  });
}

TEST_CASE("an old answer is given at once and replaced in the background") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Counting names;
    bridge::RememberingResolver resolver(io.get_executor(), names, 0s);
    CHECK((co_await first(resolver)) == "192.0.2.1");
    names.delay = 50ms;
    CHECK((co_await first(resolver)) == "192.0.2.1");
    names.delay = 0ms;
    for (int i = 0; i < 1000 && names.asked < 2; ++i) co_await test::sleep_for(5ms);
    names.broken = true;
    CHECK((co_await first(resolver)) == "192.0.2.2");
    for (int i = 0; i < 1000 && names.asked < 3; ++i) co_await test::sleep_for(5ms);
    CHECK((co_await first(resolver)) == "192.0.2.2");  // the name server's hiccup does not show
  });
}

TEST_CASE("a name that has never been found is asked for at every knock") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Counting names;
    names.broken = true;
    bridge::RememberingResolver resolver(io.get_executor(), names);
    resolver.prefetch("cover.test");
    for (int i = 0; i < 1000 && names.asked < 1; ++i) co_await test::sleep_for(5ms);
    CHECK((co_await first(resolver)) == make_error_code(Errc::timed_out).message());
    names.broken = false;
    CHECK((co_await first(resolver)) == "192.0.2.3");
  });
}
