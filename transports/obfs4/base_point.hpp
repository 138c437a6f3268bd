// Multiples of the base point of edwards25519 (RFC 8032 5.1), with or without a point of low order added, in
// constant time. They stay in projective coordinates, which is what elligator2 wants of them and libsodium
// does not give.
#pragma once

#include <array>
#include <cstdint>

#include "transports/obfs4/field25519.hpp"

namespace surang::obfs4 {

/// x = X/Z, y = Y/Z, xy = T/Z; all reduced.
struct EdwardsPoint {
  Field x, y, z, t;
};

/// A point to be added many times: y + x, y - x and 2dxy of it, reduced.
struct Addend {
  Field sum, difference, product;
};

EdwardsPoint operator+(const EdwardsPoint& a, const Addend& b);

/// Costs an inversion.
Addend addend_of(const EdwardsPoint& point);

/// scalar·base, for scalars below 2^255.
EdwardsPoint base_times(const std::array<std::uint8_t, 32>& scalar);

/// clamp(secret)·base + k·L, the clamp that of X25519, L the point of order eight with 2·L = (sqrt(-1), 0)
/// and even x, and k the lowest three bits of the secret, which the clamp throws away.
EdwardsPoint dirty_base_times(const std::array<std::uint8_t, 32>& secret);

}  // namespace surang::obfs4
