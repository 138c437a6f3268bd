// The replay filter: exact, bounded in time and number, and shared between threads.
#include "transports/obfs4/replay_filter.hpp"

#include <doctest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

using namespace surang::obfs4;

namespace {

std::array<std::uint8_t, 16> numbered(std::uint64_t n) {
  std::array<std::uint8_t, 16> mac{};
  std::memcpy(mac.data() + 8, &n, sizeof n);
  return mac;
}

constexpr std::int64_t kNow = 1800000000;

}  // namespace

TEST_CASE("a MAC is new once within three hours") {
  ReplayFilter filter;
  CHECK(filter.insert(numbered(1), kNow));
  CHECK_FALSE(filter.insert(numbered(1), kNow));
  CHECK(filter.insert(numbered(2), kNow + 3600));
  CHECK_FALSE(filter.insert(numbered(1), kNow + ReplayFilter::kKeepSeconds - 1));
  CHECK(filter.insert(numbered(1), kNow + ReplayFilter::kKeepSeconds));
  CHECK_FALSE(filter.insert(numbered(2), kNow + ReplayFilter::kKeepSeconds));
  CHECK(filter.size() == 2);
}

TEST_CASE("a clock that goes back lets no copy in, and keeps nothing for good") {
  ReplayFilter filter;
  CHECK(filter.insert(numbered(1), kNow));
  CHECK_FALSE(filter.insert(numbered(1), kNow - 7200));
  CHECK(filter.insert(numbered(2), kNow - 7200));
  CHECK_FALSE(filter.insert(numbered(2), kNow - 7200));
  CHECK(filter.insert(numbered(3), kNow + ReplayFilter::kKeepSeconds));
  CHECK(filter.size() == 1);
}

TEST_CASE("of more than it holds the oldest go") {
  ReplayFilter filter;
  for (std::uint64_t n = 0; n < ReplayFilter::kCapacity; ++n) REQUIRE(filter.insert(numbered(n), kNow));
  CHECK_FALSE(filter.insert(numbered(0), kNow));
  CHECK(filter.insert(numbered(ReplayFilter::kCapacity), kNow));
  CHECK(filter.size() == ReplayFilter::kCapacity);
  CHECK_FALSE(filter.insert(numbered(1), kNow));
  CHECK(filter.insert(numbered(0), kNow));
}

TEST_CASE("of many threads with one MAC one is the first") {
  ReplayFilter filter;
  std::atomic<int> first{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (std::uint64_t n = 0; n < 5000; ++n)
        if (filter.insert(numbered(n), kNow)) ++first;
    });
  for (auto& thread : threads) thread.join();
  CHECK(first == 5000);
}
