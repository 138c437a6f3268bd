// The sizes of the first records of a connection, as a watcher sees them.
#include <set>

#include "tests/unit/transports/https/https_rig.hpp"

using namespace surang;
using namespace surang::https;
using namespace surang::https::test_rig;

namespace {

// How much text each record of application data in `bytes`, whole records, has room for.
std::vector<std::size_t> text_sizes(const Bytes& bytes) {
  std::vector<std::size_t> sizes;
  for (std::size_t at = 0; at < bytes.size();) {
    REQUIRE(at + 5 <= bytes.size());
    const auto size = bytes[at + 3] * 256U + bytes[at + 4];
    if (bytes[at] == 23) sizes.push_back(size - 17);
    at += 5 + size;
    REQUIRE(at <= bytes.size());
  }
  return sizes;
}

void check_varied(const std::vector<std::size_t>& sizes, std::size_t count) {
  REQUIRE(sizes.size() >= count);
  for (std::size_t i = 0; i < count; ++i) {
    CHECK(sizes[i] >= 1150);
    CHECK(sizes[i] <= 4049);
  }
}

Bytes joined(const std::vector<Bytes>& writes) {
  Bytes all;
  for (const auto& write : writes) all.insert(all.end(), write.begin(), write.end());
  return all;
}

}  // namespace

TEST_CASE("early data is cut at random too, and leaves in one flight") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Wire wire;
    std::set<std::size_t> firsts;
    for (int i = 0; i < 8; ++i) {
      auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
      wire.waiting.push_back(std::move(ours));
      const auto client = make_client(wire);
      auto connected = co_await client->connect();
      co_await say(*connected->stream, std::string(12000, 'e'));
      REQUIRE(wire.writes.size() == 1);
      auto sizes = text_sizes(wire.writes[0]);
      std::size_t total = 0;
      for (const auto size : sizes) total += size;
      CHECK(total == 12000);
      check_varied(sizes, sizes.size() - 1);
      CHECK(sizes.back() <= 4049);
      firsts.insert(sizes.front());
      wire.writes.clear();
    }
    CHECK(firsts.size() > 1);
  });
}

TEST_CASE("the first records of both ends are cut, early data keeps its limit, and all arrives") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    Wire wire;
    std::vector<Bytes> answers;
    auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
    wire.waiting.push_back(std::move(ours));
    const auto client = make_client(wire);
    auto connected = co_await client->connect();
    auto& here = *connected->stream;
    TaskGroup tasks(io.get_executor());
    tasks.spawn(say(here, std::string(100000, 'u')));
    // What leaves before any answer.
    asio::steady_timer timer(io);
    while (wire.writes.empty()) {
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    REQUIRE(wire.writes.size() == 1);
    const auto early = text_sizes(wire.writes[0]);
    std::size_t counted = 0;
    for (const auto size : early) counted += size + 17;
    CHECK(counted <= tls::kMaxEarlyData);
    CHECK(counted > tls::kMaxEarlyData - 100);
    check_varied(early, early.size() - 1);

    bridge.tasks.spawn(bridge.take(std::make_unique<Wire::Tap>(std::move(theirs), answers)));
    co_await bridge.tasks.join();
    REQUIRE(bridge.accepted.size() == 1);
    auto& there = *bridge.accepted[0].stream;
    co_await hear(there, std::string(100000, 'u'));
    co_await tasks.join();
    answers.clear();  // its handshake
    tasks.spawn(say(there, std::string(100000, 'd')));
    co_await hear(here, std::string(100000, 'd'));
    co_await tasks.join();
    const auto down = text_sizes(joined(answers));
    check_varied(down, 12);
    CHECK(down[12] == 16384);
  });
}
