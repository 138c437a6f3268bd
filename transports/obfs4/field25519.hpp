// Arithmetic modulo p = 2^255 - 19 in five limbs of 51 bits, in constant time: no branch and no address
// depends on a value. For elligator2 and base_point only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace surang::obfs4 {

/// A number modulo p, not always the smallest. Reduced: limbs below 2^51 + 2^13, as most functions return
/// them. Wide: below 2^54, as sums and differences are; those are to be multiplied, squared, encoded or
/// reduced.
struct Field {
  std::array<std::uint64_t, 5> limb{};
};

/// All ones for yes, zero for no.
using Mask = std::uint64_t;

inline constexpr Field kZero{{0, 0, 0, 0, 0}};
inline constexpr Field kOne{{1, 0, 0, 0, 0}};
inline constexpr Field kRootOfMinusOne{
    {0x61b274a0ea0b0, 0xd5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

namespace field_detail {

__extension__ using Double = unsigned __int128;
inline constexpr std::uint64_t kLow = (std::uint64_t{1} << 51) - 1;

inline std::uint64_t low(Double x) {
  return static_cast<std::uint64_t>(x) & kLow;
}

// What is above 51 bits goes to the next limb, from the last 19 times to the first (2^255 = 19).
[[gnu::always_inline]] inline Field carried(Double r0, Double r1, Double r2, Double r3, Double r4) {
  r1 += static_cast<std::uint64_t>(r0 >> 51);
  r2 += static_cast<std::uint64_t>(r1 >> 51);
  r3 += static_cast<std::uint64_t>(r2 >> 51);
  r4 += static_cast<std::uint64_t>(r3 >> 51);
  const std::uint64_t first = low(r0) + 19 * static_cast<std::uint64_t>(r4 >> 51);
  return {{first & kLow, low(r1) + (first >> 51), low(r2), low(r3), low(r4)}};
}

}  // namespace field_detail

/// Wide in, reduced out.
[[gnu::always_inline]] inline Field product(const Field& a, const Field& b) {
  using field_detail::Double;
  const auto& x = a.limb;
  const auto& y = b.limb;
  const std::uint64_t y1 = 19 * y[1], y2 = 19 * y[2], y3 = 19 * y[3], y4 = 19 * y[4];
  return field_detail::carried(
      Double{x[0]} * y[0] + Double{x[1]} * y4 + Double{x[2]} * y3 + Double{x[3]} * y2 + Double{x[4]} * y1,
      Double{x[0]} * y[1] + Double{x[1]} * y[0] + Double{x[2]} * y4 + Double{x[3]} * y3 + Double{x[4]} * y2,
      Double{x[0]} * y[2] + Double{x[1]} * y[1] + Double{x[2]} * y[0] + Double{x[3]} * y4 + Double{x[4]} * y3,
      Double{x[0]} * y[3] + Double{x[1]} * y[2] + Double{x[2]} * y[1] + Double{x[3]} * y[0] +
          Double{x[4]} * y4,
      Double{x[0]} * y[4] + Double{x[1]} * y[3] + Double{x[2]} * y[2] + Double{x[3]} * y[1] +
          Double{x[4]} * y[0]);
}

/// Wide in, reduced out.
[[gnu::always_inline]] inline Field square(const Field& a) {
  using field_detail::Double;
  const auto& x = a.limb;
  const std::uint64_t d0 = 2 * x[0], d1 = 2 * x[1], d2 = 2 * x[2], t3 = 19 * x[3], t4 = 19 * x[4];
  return field_detail::carried(Double{x[0]} * x[0] + Double{d1} * t4 + Double{d2} * t3,
                               Double{d0} * x[1] + Double{d2} * t4 + Double{x[3]} * t3,
                               Double{d0} * x[2] + Double{x[1]} * x[1] + Double{2 * x[3]} * t4,
                               Double{d0} * x[3] + Double{d1} * x[2] + Double{x[4]} * t4,
                               Double{d0} * x[4] + Double{d1} * x[3] + Double{x[2]} * x[2]);
}

/// Wide in, reduced out.
[[gnu::always_inline]] inline Field times(const Field& a, std::uint32_t small) {
  using field_detail::Double;
  const auto& x = a.limb;
  return field_detail::carried(Double{x[0]} * small, Double{x[1]} * small, Double{x[2]} * small,
                               Double{x[3]} * small, Double{x[4]} * small);
}

/// Reduced in, wide out.
[[gnu::always_inline]] inline Field sum(const Field& a, const Field& b) {
  const auto& x = a.limb;
  const auto& y = b.limb;
  return {{x[0] + y[0], x[1] + y[1], x[2] + y[2], x[3] + y[3], x[4] + y[4]}};
}

/// Reduced in, or `b` the sum of two; wide out.
[[gnu::always_inline]] inline Field difference(const Field& a, const Field& b) {
  constexpr std::uint64_t first = (field_detail::kLow - 18) * 4, other = field_detail::kLow * 4;  // 4p
  const auto& x = a.limb;
  const auto& y = b.limb;
  return {{x[0] + first - y[0], x[1] + other - y[1], x[2] + other - y[2], x[3] + other - y[3],
           x[4] + other - y[4]}};
}

inline Field negated(const Field& a) {
  return difference(kZero, a);
}

inline Field reduced(const Field& a) {
  const auto& x = a.limb;
  return field_detail::carried(x[0], x[1], x[2], x[3], x[4]);
}

/// `yes` where the mask is all ones, else `no`.
[[gnu::always_inline]] inline Field select(Mask mask, const Field& yes, const Field& no) {
  const auto& y = yes.limb;
  const auto& n = no.limb;
  return {{n[0] ^ (mask & (n[0] ^ y[0])), n[1] ^ (mask & (n[1] ^ y[1])), n[2] ^ (mask & (n[2] ^ y[2])),
           n[3] ^ (mask & (n[3] ^ y[3])), n[4] ^ (mask & (n[4] ^ y[4]))}};
}

/// Of the lowest bit: all ones for 1. The compiler does not learn that there are only two, and makes no
/// branch of it.
inline Mask mask_of(std::uint64_t bit) {
  Mask mask = ~(bit & 1) + 1;
  __asm__("" : "+r"(mask));
  return mask;
}

/// Little-endian; all 256 bits count, and numbers from p up are taken modulo p.
Field decoded(std::span<const std::uint8_t, 32> bytes);
/// The smallest number of the class, little-endian.
std::array<std::uint8_t, 32> encoded(const Field& a);

Mask is_zero(const Field& a);
/// All ones when the smallest number of the class is odd.
Mask is_odd(const Field& a);

/// 1/a; 0 for 0.
Field inverse(const Field& a);

struct InverseRoot {
  Field root;  ///< of 1/a; where a is no square, of sqrt(-1)/a; 0 for 0
  Mask square = 0;
};
/// One exponentiation tells whether `a` is a square (0 is) and gives the root.
InverseRoot inverse_root(const Field& a);

}  // namespace surang::obfs4
