#include "transports/obfs4/elligator2.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "transports/obfs4/base_point.hpp"
#include "transports/obfs4/draw.hpp"
#include "transports/obfs4/field25519.hpp"

namespace surang::obfs4 {
namespace {

constexpr std::uint32_t kA = 486662;  // v² = u³ + A·u² + u
constexpr std::size_t kStepsPerStart = 1 << 16;

std::array<std::uint8_t, 64> drawn_digest() {
  Bytes32 seed{};
  draw(seed);
  std::array<std::uint8_t, 64> digest{};
  SHA512(seed.data(), seed.size(), digest.data());
  OPENSSL_cleanse(seed.data(), seed.size());
  return digest;
}

// u = n/d of the Montgomery form, with what both its representatives are made of.
struct Candidate {
  Field n, m;        // m/d = u + A
  Field d, root, v;  // root = 1/(d·sqrt(v)), v = -2nm
  Mask representable = 0;

  explicit Candidate(const EdwardsPoint& point) {
    n = reduced(sum(point.z, point.y));
    d = reduced(difference(point.z, point.y));
    m = reduced(sum(n, times(d, kA)));
    v = times(reduced(negated(product(n, m))), 2);
    const auto found = inverse_root(product(v, square(d)));
    root = found.root;
    representable = found.square;
  }

  Bytes32 public_key() const {
    // root²·v·d = 1/d
    return encoded(product(n, product(square(root), product(v, d))));
  }

  Bytes32 representative(std::uint8_t tweak) const {
    // 1/sqrt(-2u(u + A)) = d²·root, of which one d makes u or u + A.
    const auto r = product(select(mask_of(tweak), m, n), product(root, d));
    const auto upper = is_odd(sum(r, r));
    auto bytes = encoded(select(upper, reduced(negated(r)), r));
    bytes[31] |= tweak & 0xc0;
    return bytes;
  }
};

Keypair keypair_of(const Bytes32& secret, const Candidate& candidate, std::uint8_t tweak) {
  return {secret, candidate.public_key(), candidate.representative(tweak)};
}

void add_to(Bytes32& number, const Bytes32& step) {
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += unsigned{number[i]} + step[i];
    number[i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
}

}  // namespace

std::optional<Keypair> keypair_from(const std::array<std::uint8_t, 64>& digest) {
  Bytes32 secret{};
  std::copy_n(digest.begin(), 32, secret.begin());
  const Candidate candidate(dirty_base_times(secret));
  std::optional<Keypair> out;
  if (candidate.representable != 0) out = keypair_of(secret, candidate, digest[63]);
  OPENSSL_cleanse(secret.data(), secret.size());
  return out;
}

Keypair make_keypair() {
  std::optional<Keypair> key;
  while (!key) {
    auto digest = drawn_digest();
    key = keypair_from(digest);
    OPENSSL_cleanse(digest.data(), digest.size());
  }
  return *key;
}

Keypair grind_keypair(const std::function<bool(std::span<const std::uint8_t, 32>)>& wanted) {
  // From a random key in equal random steps, each an addition instead of a multiplication. The step is
  // secret, as with a known one the points before a key would tell that they were passed over. It is a
  // multiple of eight that keeps the low-order part, and so short that no carry comes to the bits that the
  // clamp sets.
  for (;;) {
    auto digest = drawn_digest();
    Bytes32 secret{}, step{};
    std::copy_n(digest.begin(), 32, secret.begin());
    std::copy_n(digest.begin() + 32, 20, step.begin());
    step[0] &= 248;
    auto point = dirty_base_times(secret);
    const auto addend = addend_of(base_times(step));
    for (std::size_t i = 0; i < kStepsPerStart; ++i) {
      const Candidate candidate(point);
      for (std::uint8_t other = 0; candidate.representable != 0 && other < 2; ++other) {
        const auto tweak = static_cast<std::uint8_t>(digest[63] ^ other);
        if (!wanted(candidate.representative(tweak))) continue;
        const auto key = keypair_of(secret, candidate, tweak);
        OPENSSL_cleanse(digest.data(), digest.size());
        OPENSSL_cleanse(secret.data(), secret.size());
        OPENSSL_cleanse(step.data(), step.size());
        return key;
      }
      point = point + addend;
      add_to(secret, step);
    }
  }
}

Bytes32 public_key_of(const Bytes32& representative) {
  auto low = representative;
  low[31] &= 0x3f;
  // w = n/d with n = -A, d = 1 + 2r²; w³ + A·w² + w is a square when this is: all over d³, times d⁴.
  const auto d = reduced(sum(kOne, times(square(decoded(low)), 2)));
  const auto n = reduced(negated(times(kOne, kA)));
  const auto inner = product(n, sum(square(n), reduced(sum(product(times(n, kA), d), square(d)))));
  const auto found = inverse_root(product(inner, d));
  // root² is 1/(inner·d), or sqrt(-1) times that.
  const auto rest =
      product(square(found.root), select(found.square, kOne, reduced(negated(kRootOfMinusOne))));
  const auto w = product(n, product(rest, inner));
  return encoded(select(found.square, w, reduced(difference(n, w))));
}

}  // namespace surang::obfs4
