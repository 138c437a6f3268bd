// A person's computer with two lanes to one bridge, in simulated time: what tests of the pool begin with.
#pragma once

#include <doctest.h>

#include "tests/support/virtual_time.hpp"
#include "tests/unit/client/bridges/pool_world.hpp"

namespace surang::client::pool_test {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

[[maybe_unused]] inline const bool simulated = (test::start_virtual_time(), true);
inline const std::string kNoRoute = make_error_code(Errc::no_route).message();

// A person's computer: the pool as the program has it, and the network that it is on.
struct Computer {
  explicit Computer(asio::any_io_executor e,
                    std::shared_ptr<LaneStore> memory = std::make_shared<LaneStore>())
      : w(e, options(std::move(memory))) {
    w.pool.set_bridges({share_link("home", {"a", "b"})});
  }
  BridgePoolOptions options(std::shared_ptr<LaneStore> memory) {
    BridgePoolOptions o;
    o.memory = std::move(memory);
    o.network = [this] { return network; };
    o.may_repeat = [](std::span<const std::uint8_t> said) { return !said.empty() && said[0] == 'G'; };
    return o;
  }
  void go_to(std::string other) {
    network = std::move(other);
    w.pool.network_changed();
  }
  // Somebody blocks a lane: what is there is cut, and what is new as well.
  static void block(FarEnd& far) { far.line.set(Line::State::lost); }
  static void free(FarEnd& far) { far.line.set(Line::State::open); }
  // Uses the pool every few seconds.
  asio::awaitable<void> browse(Clock::duration how_long) {
    const auto until = Clock::now() + how_long;
    while (Clock::now() < until) {
      const auto got = co_await w.fetch();
      CHECK(got == "hello");
      co_await test::sleep_for(5s);
    }
  }
  LaneStatus lane(std::size_t i) const { return w.pool.status()[i]; }

  std::string network = "one";
  World w;
};

template <class Test>
void simulate(Test test) {
  test::run([test](asio::io_context& io) -> asio::awaitable<void> { return test(io.get_executor()); }, 1000h);
}

/// What `host` says to `say` goes into `got` in the end.
inline asio::awaitable<void> fetch_into(World& w, std::string host, std::string say, std::string& got) {
  got = co_await w.fetch(std::move(host), std::move(say));
}

}  // namespace surang::client::pool_test
