#include "transports/obfs4/field25519.hpp"

#include <bit>
#include <cstring>

namespace surang::obfs4 {
namespace {

using field_detail::kLow;

std::uint64_t load(const std::uint8_t* from) {
  std::uint64_t word = 0;
  for (int i = 7; i >= 0; --i) word = word << 8 | from[i];
  return word;
}

Field squared(Field a, int times) {
  for (int i = 0; i < times; ++i) a = square(a);
  return a;
}

struct Powers {
  Field high;    // a^(2^250 - 1)
  Field eleven;  // a^11
};

// What both exponents have in common.
Powers powers(const Field& a) {
  const auto a2 = square(a);
  const auto a9 = product(a, squared(a2, 2));
  const auto a11 = product(a9, a2);
  const auto ones5 = product(square(a11), a9);  // a^(2^5 - 1)
  const auto ones10 = product(squared(ones5, 5), ones5);
  const auto ones20 = product(squared(ones10, 10), ones10);
  const auto ones40 = product(squared(ones20, 20), ones20);
  const auto ones50 = product(squared(ones40, 10), ones10);
  const auto ones100 = product(squared(ones50, 50), ones50);
  const auto ones200 = product(squared(ones100, 100), ones100);
  return {product(squared(ones200, 50), ones50), a11};
}

}  // namespace

Field decoded(std::span<const std::uint8_t, 32> bytes) {
  const auto w0 = load(bytes.data()), w1 = load(bytes.data() + 8), w2 = load(bytes.data() + 16),
             w3 = load(bytes.data() + 24);
  // The last limb has 52 bits of the 256; the product of the carry brings it down.
  return reduced({{w0 & kLow, (w0 >> 51 | w1 << 13) & kLow, (w1 >> 38 | w2 << 26) & kLow,
                   (w2 >> 25 | w3 << 39) & kLow, w3 >> 12}});
}

std::array<std::uint8_t, 32> encoded(const Field& a) {
  auto x = reduced(a).limb;
  // Now below 2p: is it p or more?
  std::uint64_t over = (x[0] + 19) >> 51;
  for (std::size_t i = 1; i < 5; ++i) over = (x[i] + over) >> 51;
  x[0] += 19 * over;
  for (std::size_t i = 0; i < 4; ++i) {
    x[i + 1] += x[i] >> 51;
    x[i] &= kLow;
  }
  x[4] &= kLow;
  const std::array<std::uint64_t, 4> words{x[0] | x[1] << 51, x[1] >> 13 | x[2] << 38,
                                           x[2] >> 26 | x[3] << 25, x[3] >> 39 | x[4] << 12};
  std::array<std::uint8_t, 32> out{};
  for (std::size_t i = 0; i < 32; ++i) out[i] = static_cast<std::uint8_t>(words[i / 8] >> 8 * (i % 8));
  return out;
}

Mask is_zero(const Field& a) {
  std::uint64_t any = 0;
  for (const auto byte : encoded(a)) any |= byte;
  return mask_of((any - 1) >> 63);
}

Mask is_odd(const Field& a) {
  return mask_of(encoded(a)[0]);
}

Field inverse(const Field& a) {
  const auto p = powers(a);
  return product(squared(p.high, 5), p.eleven);  // a^(2^255 - 21) = a^(p - 2)
}

InverseRoot inverse_root(const Field& a) {
  // r = a^(2^252 - 3) = a^((p - 5)/8), so r²a = a^((p - 1)/4) is a fourth root of 1: one of ±1 for squares,
  // of ±sqrt(-1) for others. What is -1 or -sqrt(-1) too many goes with another factor sqrt(-1) in r.
  auto root = product(squared(powers(a).high, 2), a);
  const auto quartic = product(square(root), a);
  const auto is_one = is_zero(difference(quartic, kOne));
  const auto is_minus_one = is_zero(sum(quartic, kOne));
  const auto is_minus_root = is_zero(sum(quartic, kRootOfMinusOne));
  root = select(is_minus_one | is_minus_root, product(root, kRootOfMinusOne), root);
  return {root, is_one | is_minus_one | is_zero(a)};
}

}  // namespace surang::obfs4
