#include "transports/obfs4/drbg.hpp"

#include <boost/endian/conversion.hpp>

namespace surang::obfs4 {

Drbg::Drbg(std::span<const std::uint8_t, 24> seed) noexcept
    : hash_(seed.first<16>()), block_(boost::endian::load_little_u64(seed.data() + 16)) {}

std::uint64_t Drbg::next() noexcept {
  hash_.append(block_);
  block_ = hash_.digest();
  return boost::endian::endian_reverse(block_);
}

}  // namespace surang::obfs4
