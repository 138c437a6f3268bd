#include "transports/obfs4/siphash.hpp"

#include <bit>
#include <boost/endian/conversion.hpp>

namespace surang::obfs4 {

SipHash::SipHash(std::span<const std::uint8_t, 16> key) noexcept {
  const auto k0 = boost::endian::load_little_u64(key.data()),
             k1 = boost::endian::load_little_u64(key.data() + 8);
  state_ = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
            k1 ^ 0x7465646279746573};
}

void SipHash::State::round() noexcept {
  v0 += v1;
  v2 += v3;
  v1 = std::rotl(v1, 13) ^ v0;
  v3 = std::rotl(v3, 16) ^ v2;
  v0 = std::rotl(v0, 32);
  v2 += v1;
  v0 += v3;
  v1 = std::rotl(v1, 17) ^ v2;
  v3 = std::rotl(v3, 21) ^ v0;
  v2 = std::rotl(v2, 32);
}

void SipHash::State::absorb(std::uint64_t word) noexcept {
  v3 ^= word;
  round();
  round();
  v0 ^= word;
}

void SipHash::append(std::uint64_t word) noexcept {
  state_.absorb(word);
  size_ += 8;
}

std::uint64_t SipHash::digest() const noexcept {
  State last = state_;
  last.absorb(size_ << 56);  // no bytes after the last whole word, and the size modulo 256
  last.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) last.round();
  return last.v0 ^ last.v1 ^ last.v2 ^ last.v3;
}

}  // namespace surang::obfs4
