#include "transports/obfs4/length_distribution.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <numeric>

#include "transports/obfs4/frame.hpp"

namespace surang::obfs4 {
namespace {

constexpr unsigned kMostValues = 100;

// Draws as Go's math/rand does of a source of 63 bits; it promises never to change the sequence.
class GoRand {
 public:
  explicit GoRand(const Seed& seed) : source_(seed) {}

  // Rand.Intn: evenly below `n`, which is at most 2^31 - 1.
  std::uint32_t below(std::uint32_t n) {
    constexpr std::uint32_t kRange = std::uint32_t{1} << 31;
    if ((n & (n - 1)) == 0) return int31() & (n - 1);
    const std::uint32_t last = kRange - 1 - kRange % n;
    auto v = int31();
    while (v > last) v = int31();
    return v % n;
  }

  // Rand.Float64: 0 <= f < 1.
  double fraction() {
    for (;;) {
      const double f = std::ldexp(static_cast<double>(int63()), -63);
      if (f < 1) return f;  // near the end it is rounded up
    }
  }

  // Rand.Perm: of 0..n-1. The draw for the first, which decides nothing, is part of the sequence.
  std::vector<std::uint16_t> permutation(std::uint32_t n) {
    std::vector<std::uint16_t> p(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto j = below(i + 1);
      p[i] = p[j];
      p[j] = static_cast<std::uint16_t>(i);
    }
    return p;
  }

 private:
  std::uint64_t int63() { return source_.next() & ~(std::uint64_t{1} << 63); }
  std::uint32_t int31() { return static_cast<std::uint32_t>(int63() >> 32); }
  Drbg source_;
};

Seed seed_of_pauses(const Seed& seed) {
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), seed.data(), seed.size());
  Seed out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

}  // namespace

WeightedDistribution::WeightedDistribution(const Seed& seed, unsigned max) {
  GoRand random(seed);
  const auto values = random.permutation(max + 1);
  table_.resize(random.below(std::min(max + 1, kMostValues)) + 1);
  const auto n = static_cast<std::uint16_t>(table_.size());
  std::vector<double> scaled(n);  // probability times n
  for (auto& weight : scaled) weight = random.fraction();
  const double sum = std::accumulate(scaled.begin(), scaled.end(), 0.0);
  // Vose 1991: each column whose value has less than its share is filled up by one that has more. The order
  // of the steps is obfs4proxy's, for the same table out of the same seed.
  std::deque<std::uint16_t> small, large;
  for (std::uint16_t i = 0; i < n; ++i) {
    scaled[i] = scaled[i] * static_cast<double>(n) / sum;
    table_[i] = {1.0, values[i], 0};
    (scaled[i] < 1 ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const auto less = small.front(), more = large.front();
    small.pop_front();
    large.pop_front();
    table_[less].own = scaled[less];
    table_[less].alias = more;
    scaled[more] = (scaled[more] + scaled[less]) - 1;
    (scaled[more] < 1 ? small : large).push_back(more);
  }
}

unsigned WeightedDistribution::sample() const {
  std::array<std::uint64_t, 2> drawn{};
  randombytes_buf(drawn.data(), sizeof drawn);
  return pick((drawn[0] >> 32) * table_.size() >> 32, std::ldexp(static_cast<double>(drawn[1] >> 11), -53));
}

Shaping::Shaping(const Seed& s) : seed(s), length(s, kMaxFrame), pause(seed_of_pauses(s), 100) {}

std::shared_ptr<const Shaping> Shaping::draw() {
  Seed seed;
  randombytes_buf(seed.data(), seed.size());
  return std::make_shared<const Shaping>(seed);
}

std::shared_ptr<const Shaping> Shaping::own() {
  thread_local const auto drawn = draw();
  return drawn;
}

std::shared_ptr<const Shaping> Shaping::of(const Seed& seed) {
  thread_local std::shared_ptr<const Shaping> last;
  if (!last || last->seed != seed) last = std::make_shared<const Shaping>(seed);
  return last;
}

}  // namespace surang::obfs4
