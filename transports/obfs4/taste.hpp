// Numbers that a user's key settles once and for all, so that what is drawn beside them differs from user to
// user in its ways and not only in its content. For shape and hello_text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace surang::obfs4 {

class Taste {
 public:
  explicit Taste(std::span<const std::uint8_t, 32> key);

  /// The next number, below `end` (at most 65536). There are 1024.
  std::size_t below(std::size_t end);
  /// Both included.
  std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }

 private:
  std::array<std::uint8_t, 2048> stream_{};
  std::size_t at_ = 0;
};

/// 256 bytes, some of them several times: a random byte chooses one.
using Symbols = std::array<std::uint8_t, 256>;

}  // namespace surang::obfs4
