#include "transports/core/receive_queue.hpp"

#include <doctest.h>

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
