// Both ends of one direction, with everything between them that an edge does to requests.
#include <doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "transports/fronted/reassembly.hpp"
#include "transports/fronted/send_window.hpp"

using namespace surang::fronted;

namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint8_t byte_at(std::uint64_t offset) {
  return static_cast<std::uint8_t>(offset * 0x9E3779B97F4A7C15u >> 56);
}

Bytes bytes_from(std::uint64_t offset, std::size_t size) {
  Bytes out(size);
  for (auto& byte : out) byte = byte_at(offset++);
  return out;
}

Bytes copied(const SendWindow& window, std::uint64_t offset, std::size_t most) {
  Bytes out(most);
  out.resize(window.copy(offset, out));
  return out;
}

}  // namespace

TEST_CASE("a window gives again what was not acknowledged, and takes no more than it may hold") {
  SendWindow window(100000);
  CHECK(window.append(bytes_from(0, 70000)) == 70000);
  CHECK(window.append(bytes_from(70000, 70000)) == 30000);
  CHECK(window.room() == 0);
  CHECK(window.append(bytes_from(0, 1)) == 0);
  CHECK(copied(window, 0, 200000) == bytes_from(0, 100000));
  CHECK(copied(window, 99999, 10) == bytes_from(99999, 1));
  CHECK(copied(window, 100000, 10).empty());
  CHECK_FALSE(window.acknowledge(100001));
  CHECK(window.begin() == 0);
  CHECK(window.acknowledge(50000));
  CHECK(window.acknowledge(20000));
  CHECK(window.begin() == 50000);
  CHECK(window.room() == 50000);
  CHECK(copied(window, 50000, 16385) == bytes_from(50000, 16385));
  CHECK(window.acknowledge(100000));
  CHECK(window.size() == 0);
  CHECK(window.append(bytes_from(100000, 100000)) == 100000);
  CHECK(copied(window, 150000, 200000) == bytes_from(150000, 50000));
}

TEST_CASE("pieces in any order, cut anywhere and said many times become what was written") {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int round = 0; round < 60; ++round) {
    const std::size_t capacity = 1 + below(round % 2 == 0 ? 300 : 100000);
    const std::uint64_t all = std::min<std::size_t>(300000, 1000 + 20 * capacity);
    SendWindow window(1 + below(200000));
    Reassembly in(capacity);
    Bytes got;
    std::uint64_t written = 0;
    while (got.size() < all) {
      const auto piece = bytes_from(written, std::min<std::size_t>(all - written, below(40000)));
      written += window.append(piece);
      for (int i = 0; i < 8; ++i) {
        const auto from = window.begin() + below(std::min<std::size_t>(window.size(), 2 * capacity) + 1);
        const auto said = copied(window, from, below(capacity + 50));
        const auto taken = in.add(from, said);
        REQUIRE(taken <= said.size());
        if (from + said.size() <= in.limit() && taken < said.size()) REQUIRE(capacity > 256);
      }
      // Whoever has lost what he said begins at the first byte that is missing.
      const auto again = copied(window, in.next(), 1 + below(capacity));
      (void)in.add(in.next(), again);
      Bytes out(below(2 * capacity + 2));
      out.resize(in.read(out));
      got.insert(got.end(), out.begin(), out.end());
      REQUIRE(in.readable() <= capacity);
      REQUIRE(in.next() == got.size() + in.readable());
      REQUIRE(window.acknowledge(in.next()));
    }
    REQUIRE(got == bytes_from(0, all));
  }
}

TEST_CASE("bytes ahead of the room are not taken, known ones are and change nothing") {
  Reassembly in(10);
  CHECK(in.limit() == 10);
  CHECK(in.add(10, bytes_from(10, 1)) == 0);
  CHECK(in.add(0, bytes_from(0, 20)) == 10);
  CHECK(in.next() == 10);
  CHECK(in.add(0, Bytes(10)) == 10);
  CHECK(in.add(5, Bytes(20)) == 5);
  Bytes out(4);
  CHECK(in.read(out) == 4);
  CHECK(out == bytes_from(0, 4));
  CHECK(in.limit() == 14);
  CHECK(in.add(12, bytes_from(12, 9)) == 2);
  CHECK(in.next() == 10);
  CHECK(in.add(9, bytes_from(9, 4)) == 4);
  CHECK(in.next() == 14);
  out.resize(20);
  CHECK(in.read(out) == 10);
  out.resize(10);
  CHECK(out == bytes_from(4, 10));
}

TEST_CASE("crumbs that fit nowhere are refused once there are many") {
  Reassembly in(100000);
  for (std::uint64_t i = 0; i < 256; ++i) REQUIRE(in.add(1 + 2 * i, bytes_from(1 + 2 * i, 1)) == 1);
  CHECK(in.add(9000, bytes_from(9000, 1)) == 0);
  CHECK(in.add(2, bytes_from(2, 1)) == 1);  // joins two
  CHECK(in.add(9000, bytes_from(9000, 1)) == 1);
  CHECK(in.add(0, bytes_from(0, 9000)) == 9000);
  CHECK(in.next() == 9001);
  Bytes out(9001);
  CHECK(in.read(out) == 9001);
  CHECK(out == bytes_from(0, 9001));
}
