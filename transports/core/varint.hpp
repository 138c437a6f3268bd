// Numbers as QUIC writes them, and HTTP's capsules (RFC 9000 16): the two first bits say how many bytes there
// are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace surang {

/// Of the number that begins with this byte: 1, 2, 4 or 8.
constexpr std::size_t varint_size(std::uint8_t first) noexcept {
  return std::size_t{1} << (first >> 6);
}

/// Takes a number off the front of `bytes`; nothing, and nothing taken, where it is not whole.
constexpr std::optional<std::uint64_t> take_varint(std::span<const std::uint8_t>& bytes) noexcept {
  if (bytes.empty() || bytes.size() < varint_size(bytes[0])) return std::nullopt;
  const auto size = varint_size(bytes[0]);
  std::uint64_t value = bytes[0] & 0x3f;
  for (std::size_t i = 1; i < size; ++i) value = value << 8 | bytes[i];
  bytes = bytes.subspan(size);
  return value;
}

/// `value` is below 2^62.
inline void append_varint(std::vector<std::uint8_t>& to, std::uint64_t value) {
  const unsigned kind = value < 1 << 6 ? 0 : value < 1 << 14 ? 1 : value < 1 << 30 ? 2 : 3;
  const unsigned size = 1u << kind;
  value |= std::uint64_t{kind} << (8 * size - 2);
  for (unsigned i = size; i-- > 0;) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace surang
