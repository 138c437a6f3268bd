#include "transports/obfs4/taste.hpp"

#include <sodium.h>

namespace surang::obfs4 {

Taste::Taste(std::span<const std::uint8_t, 32> key) {
  const std::array<std::uint8_t, crypto_stream_chacha20_NONCEBYTES> nonce{};
  crypto_stream_chacha20(stream_.data(), stream_.size(), nonce.data(), key.data());
}

std::size_t Taste::below(std::size_t end) {
  const auto number = std::size_t{stream_.at(at_)} << 8 | stream_.at(at_ + 1);
  at_ += 2;
  return number * end >> 16;
}

}  // namespace surang::obfs4
