#include "transports/obfs4/base_point.hpp"

#include <openssl/crypto.h>

#include <memory>

namespace surang::obfs4 {
namespace {

constexpr Field kTwiceD{
    {0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
constexpr Field kBaseX{{0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5}};
constexpr Field kBaseY{{0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666}};
constexpr Field kOrderEightX{
    {0x14646c545d14a, 0x6027cbc471bd4, 0x3792aed7064f1, 0x5147499cc991c, 0x1fd5b9a006394}};

EdwardsPoint point_of(const Field& x, const Field& y) {
  return {x, y, kOne, product(x, y)};
}
constexpr EdwardsPoint kIdentity{kZero, kOne, kOne, kZero};

// Formulas of Hisil, Wong, Carter, Dawson 2008 for a = -1; the addition holds for every pair of points.
EdwardsPoint completed(const Field& e, const Field& f, const Field& g, const Field& h) {
  return {product(e, f), product(g, h), product(f, g), product(e, h)};
}

EdwardsPoint doubled(const EdwardsPoint& a) {
  const auto xx = square(a.x), yy = square(a.y);
  const auto h = reduced(sum(xx, yy));
  const auto e = difference(h, square(sum(a.x, a.y)));
  const auto g = reduced(difference(xx, yy));
  const auto f = sum(times(square(a.z), 2), g);
  return completed(e, f, g, h);
}

template <std::size_t N>
Addend selected(const std::array<Addend, N>& from, std::uint64_t index) {
  Addend out = from[0];
  for (std::uint64_t i = 1; i < N; ++i) {
    const auto here = mask_of(((i ^ index) - 1) >> 63);
    out.sum = select(here, from[i].sum, out.sum);
    out.difference = select(here, from[i].difference, out.difference);
    out.product = select(here, from[i].product, out.product);
  }
  return out;
}

constexpr Addend kNothing{kOne, kOne, kZero};

struct Tables {
  std::array<std::array<Addend, 9>, 32> multiples;  // [i][k] is k·256^i·base
  std::array<Addend, 8> low_order;                  // [k] is k·L

  Tables() {
    auto power = point_of(kBaseX, kBaseY);
    for (auto& row : multiples) {
      row[0] = kNothing;
      const auto one = addend_of(power);
      auto multiple = power;
      for (std::size_t k = 1; k < row.size(); ++k, multiple = multiple + one) row[k] = addend_of(multiple);
      for (int i = 0; i < 8; ++i) power = doubled(power);
    }
    const auto generator =
        addend_of(point_of(kOrderEightX, reduced(negated(product(kOrderEightX, kRootOfMinusOne)))));
    auto multiple = kIdentity;
    for (auto& entry : low_order) {
      entry = addend_of(multiple);
      multiple = multiple + generator;
    }
  }
};

const Tables& tables() {
  static const auto made = std::make_unique<const Tables>();
  return *made;
}

// k·256^i·base for k from -8 to 8.
Addend signed_multiple(const std::array<Addend, 9>& row, std::int64_t k) {
  const auto minus = mask_of(static_cast<std::uint64_t>(k) >> 63);
  const auto found = selected(row, (static_cast<std::uint64_t>(k) ^ minus) - minus);
  return {select(minus, found.difference, found.sum), select(minus, found.sum, found.difference),
          select(minus, reduced(negated(found.product)), found.product)};
}

}  // namespace

EdwardsPoint operator+(const EdwardsPoint& a, const Addend& b) {
  const auto low = product(difference(a.y, a.x), b.difference);
  const auto high = product(sum(a.y, a.x), b.sum);
  const auto c = product(a.t, b.product);
  const auto d = times(a.z, 2);
  return completed(difference(high, low), difference(d, c), sum(d, c), sum(high, low));
}

Addend addend_of(const EdwardsPoint& point) {
  const auto z = inverse(point.z);
  const auto x = product(point.x, z), y = product(point.y, z);
  return {reduced(sum(y, x)), reduced(difference(y, x)), product(product(x, y), kTwiceD)};
}

EdwardsPoint base_times(const std::array<std::uint8_t, 32>& scalar) {
  // Digits from -8 to 8 to the base 16: from eight up borrow from the next. The highest takes what comes.
  std::array<std::int64_t, 64> digits{};
  for (std::size_t i = 0; i < 32; ++i) {
    digits[2 * i] = scalar[i] & 15;
    digits[2 * i + 1] = scalar[i] >> 4;
  }
  for (std::size_t i = 0; i < 63; ++i) {
    const auto carry = (digits[i] + 8) >> 4;
    digits[i] -= carry * 16;
    digits[i + 1] += carry;
  }
  const auto& rows = tables().multiples;
  auto out = kIdentity;
  for (std::size_t i = 0; i < 32; ++i) out = out + signed_multiple(rows[i], digits[2 * i + 1]);
  for (int i = 0; i < 4; ++i) out = doubled(out);
  for (std::size_t i = 0; i < 32; ++i) out = out + signed_multiple(rows[i], digits[2 * i]);
  OPENSSL_cleanse(digits.data(), sizeof digits);
  return out;
}

EdwardsPoint dirty_base_times(const std::array<std::uint8_t, 32>& secret) {
  auto scalar = secret;
  scalar[0] &= 248;
  scalar[31] = static_cast<std::uint8_t>((scalar[31] & 127) | 64);
  const auto out = base_times(scalar) + selected(tables().low_order, secret[0] & 7);
  OPENSSL_cleanse(scalar.data(), scalar.size());
  return out;
}

}  // namespace surang::obfs4
