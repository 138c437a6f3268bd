#include "transports/obfs4/draw.hpp"

#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace surang::obfs4 {

void draw(std::span<std::uint8_t> into) {
  if (RAND_bytes(into.data(), static_cast<int>(into.size())) != 1)
    throw std::runtime_error("OpenSSL has no random bytes");
}

std::size_t draw_between(std::size_t low, std::size_t high) {
  // 64 bits for a range of a few thousand: the bias is below anything that could be counted.
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
  draw(bytes);
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return low + static_cast<std::size_t>(number % (high - low + 1));
}

}  // namespace surang::obfs4
