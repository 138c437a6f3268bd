#include "transports/core/receive_queue.hpp"

#include <doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

using namespace surang;

TEST_CASE("a receive queue gives back what it was given, in any pieces") {
  ReceiveQueue queue;
  std::vector<std::uint8_t> sent, got;
  std::uint32_t seed = 1;
  const auto draw = [&](std::uint32_t below) { return (seed = seed * 1664525 + 1013904223) / 65536 % below; };
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint8_t> piece(draw(round % 7 == 0 ? 60000 : 40));
    for (auto& byte : piece) byte = static_cast<std::uint8_t>(draw(256));
    queue.append(piece);
    sent.insert(sent.end(), piece.begin(), piece.end());
    std::vector<std::uint8_t> into(draw(30000));
    const auto n = queue.read(into);
    CHECK(n <= into.size());
    got.insert(got.end(), into.begin(), into.begin() + static_cast<std::ptrdiff_t>(n));
    REQUIRE(queue.size() == sent.size() - got.size());
  }
  std::vector<std::uint8_t> rest(queue.size() + 10);
  rest.resize(queue.read(rest));
  got.insert(got.end(), rest.begin(), rest.end());
  CHECK(queue.empty());
  CHECK(got == sent);
}

TEST_CASE("queues become one, in order, however much they hold, and what is skipped is not read") {
  const auto filled = [](std::size_t from, std::size_t size) {
    std::vector<std::uint8_t> out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(from++ * 7 % 251);
    return out;
  };
  ReceiveQueue whole;
  std::size_t size = 0, skipped = 0;
  for (const std::size_t more : {0, 1, 1000, 1025, 50000, 0, 16384, 3, 100000}) {
    ReceiveQueue other;
    for (std::size_t done = 0; done < more;) {
      const auto n = std::min<std::size_t>(more - done, 20000);
      other.append(filled(size + done, n));
      done += n;
    }
    whole.append(std::move(other));
    CHECK(other.empty());
    size += more;
    CHECK(whole.size() == size - skipped);
    const std::size_t first = std::min<std::size_t>(whole.size(), 700);
    whole.skip(first);
    skipped += first;
  }
  ReceiveQueue moved(std::move(whole));
  CHECK(whole.empty());
  moved.append(filled(size, 10));
  std::vector<std::uint8_t> rest(size);
  rest.resize(moved.read(rest));
  CHECK(rest == filled(skipped, size + 10 - skipped));
  moved.append(filled(0, 5));
  moved.skip(6);
  CHECK(moved.empty());
}
