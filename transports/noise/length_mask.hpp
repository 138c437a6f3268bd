// Hides the lengths of frames: two bytes of ChaCha20 (RFC 8439) for each. They say nothing that the frames
// themselves do not prove; without it their chain would be a mark. Used by noise_stream.
#pragma once

#include <sodium.h>

#include <array>
#include <cstdint>
#include <span>

#include "transports/noise/cipher_state.hpp"

namespace surang::noise {

class LengthMask {
 public:
  /// `direction` is another number for each use of the key.
  LengthMask(const Key& key, std::uint8_t direction) : key_(key) { nonce_[0] = direction; }

  std::uint16_t next() {
    if (at_ == block_.size()) {
      block_.fill(0);
      crypto_stream_chacha20_xor_ic(block_.data(), block_.data(), block_.size(), nonce_.data(), count_++,
                                    key_.data());
      at_ = 0;
    }
    const auto high = block_[at_++];
    return static_cast<std::uint16_t>(high << 8 | block_[at_++]);
  }

 private:
  Key key_;
  std::array<std::uint8_t, crypto_stream_chacha20_NONCEBYTES> nonce_{};
  std::array<std::uint8_t, 64> block_{};
  std::size_t at_ = 64;
  std::uint64_t count_ = 0;
};

}  // namespace surang::noise
