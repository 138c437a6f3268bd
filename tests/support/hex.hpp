// Bytes as tests write and read them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace surang::test {

/// `from`, `from` + 1, ...
template <std::size_t N>
std::array<std::uint8_t, N> counting(std::uint8_t from) {
  std::array<std::uint8_t, N> out{};
  std::iota(out.begin(), out.end(), from);
  return out;
}

inline std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (const auto b : bytes) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

/// Throws std::invalid_argument, as from_hex does.
inline std::vector<std::uint8_t> bytes_from_hex(std::string_view text) {
  std::vector<std::uint8_t> out;
  for (; !text.empty(); text.remove_prefix(2))
    out.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(0, 2)), nullptr, 16)));
  return out;
}

template <std::size_t N = 32>
std::array<std::uint8_t, N> from_hex(std::string_view text) {
  if (text.size() != 2 * N) throw std::invalid_argument("wrong length of hex");
  std::array<std::uint8_t, N> out{};
  std::ranges::copy(bytes_from_hex(text), out.begin());
  return out;
}

}  // namespace surang::test
