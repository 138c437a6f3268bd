#include "transports/obfs4/length_distribution.hpp"

#include <doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "tests/unit/transports/obfs4/frames_rig.hpp"

using namespace surang::obfs4;
using namespace surang::obfs4::rig;

namespace {

Seed counting_from(unsigned first) {
  Seed seed;
  for (auto& b : seed) b = static_cast<std::uint8_t>(first++);
  return seed;
}

// A line "value alias own" a column, the number by its bits.
std::string text_of(const WeightedDistribution& distribution) {
  std::string out;
  for (const auto& c : distribution.table()) {
    std::array<std::uint8_t, 8> bits;
    const auto number = std::bit_cast<std::uint64_t>(c.own);
    for (unsigned i = 0; i < 8; ++i) bits[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
    out += std::to_string(c.value) + ' ' + std::to_string(c.alias) + ' ' + hex(bits) + '\n';
  }
  return out;
}

std::string digest_of(const WeightedDistribution& distribution) {
  const auto text = text_of(distribution);
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hex(digest);
}

}  // namespace

TEST_CASE("a seed gives the table that it gives obfs4proxy") {
  CHECK(text_of(WeightedDistribution(counting_from(300), 1448)) ==
        "540 1 3fe20dbb562d94de\n"
        "4 3 3fe5fdf2c9a51bce\n"
        "699 4 3fc7e44ae1818cb8\n"
        "576 4 3febdaebf52796ae\n"
        "843 0 3ff0000000000000\n"
        "294 2 3fc0129919d57f76\n");
  CHECK(digest_of(WeightedDistribution(counting_from(0), 1448)) ==
        "f8824452f436e0f94a47f2c3408a8bde1677e422405c422f524592b2f4f71cb8");
  CHECK(digest_of(WeightedDistribution(counting_from(0), 100)) ==
        "b518dd46ee7731188f1cbed3bf013cc1a01884dd813307343b727bda28f32a8a");
  CHECK(digest_of(WeightedDistribution(counting_from(100), 1448)) ==
        "199760d01755a28b665baff01ea404f884d1138188b44066213fefcc90cff628");
  CHECK(digest_of(WeightedDistribution(counting_from(200), 1448)) ==
        "b5e2062da4e1b14faa780360bc465824c431914af8078b2a88a9968b18d3a0cb");
  CHECK(digest_of(WeightedDistribution(counting_from(400), 100)) ==
        "13ff73a7f24908c30cefc2b9262b1d7f7a23eeab512cbbafe7df268021d93f70");
}

TEST_CASE("pauses have the distribution of the seed's SHA-256") {
  const Shaping shaping(counting_from(0));
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256(digest.data(), shaping.seed.data(), shaping.seed.size());
  Seed seed;
  std::copy_n(digest.begin(), seed.size(), seed.begin());
  CHECK(shaping.pause.table() == WeightedDistribution(seed, 100).table());
  CHECK(shaping.length.table() == WeightedDistribution(shaping.seed, 1448).table());
}

TEST_CASE("tables are within their bounds, and all numbers of values occur") {
  std::set<std::size_t> sizes;
  for (unsigned i = 0; i < 2000; ++i) {
    Seed seed{};
    seed[0] = static_cast<std::uint8_t>(i);
    seed[1] = static_cast<std::uint8_t>(i >> 8);
    const WeightedDistribution distribution(seed, 100);
    const auto& table = distribution.table();
    REQUIRE(!table.empty());
    REQUIRE(table.size() <= 100);
    sizes.insert(table.size());
    std::set<unsigned> values;
    for (const auto& c : table) {
      CHECK(c.value <= 100);
      CHECK(c.own >= 0);
      CHECK(c.own <= 1);
      REQUIRE(c.alias < table.size());
      values.insert(c.value);
    }
    CHECK(values.size() == table.size());
  }
  CHECK(sizes.size() == 100);
}

TEST_CASE("samples come as often as the table says") {
  const WeightedDistribution distribution(counting_from(0), 1448);
  const auto& table = distribution.table();
  std::map<unsigned, double> share;
  for (const auto& c : table) {
    share[c.value] += c.own / static_cast<double>(table.size());
    share[table[c.alias].value] += (1 - c.own) / static_cast<double>(table.size());
  }
  constexpr int kDraws = 40000;
  std::map<unsigned, int> drawn;
  for (int i = 0; i < kDraws; ++i) ++drawn[distribution.sample()];
  for (const auto& [value, count] : drawn) {
    REQUIRE(share.contains(value));
    const double expected = share[value] * kDraws;
    CHECK(std::abs(count - expected) < 6 * std::sqrt(expected) + 1);  // once in 10^8 runs by chance
  }
  CHECK(drawn.size() == share.size());
}

TEST_CASE("a column's coin decides between its value and its alias's") {
  const WeightedDistribution distribution(counting_from(300), 1448);
  const double own = distribution.table()[0].own;
  CHECK(distribution.pick(0, 0) == 540);
  CHECK(distribution.pick(0, own) == 540);
  CHECK(distribution.pick(0, std::nextafter(own, 1)) == 4);
  CHECK(distribution.pick(4, 0.999) == 843);
}
