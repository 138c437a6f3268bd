// What the tests of obfs4's data half share: keys, hexadecimal, distributions picked for a test.
#pragma once

#include <sodium.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/transports/obfs4/bytes.hpp"
#include "transports/obfs4/length_distribution.hpp"

namespace surang::obfs4::rig {

using Bytes = std::vector<std::uint8_t>;

/// 00 01 02 …
template <std::size_t N>
std::array<std::uint8_t, N> counting() {
  std::array<std::uint8_t, N> out;
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>(i);
  return out;
}

using vectors::hex;

inline Bytes unhex(std::string_view text) {
  Bytes out(text.size() / 2);
  if (out.empty()) return out;
  std::size_t size = 0;
  sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, nullptr);
  out.resize(size);
  return out;
}

inline Bytes random_bytes(std::size_t size) {
  Bytes out(size);
  if (size > 0) randombytes_buf(out.data(), out.size());
  return out;
}

/// The first of the seeds 0, 1, 2, … whose shape is as wanted.
inline std::shared_ptr<const Shaping> find_shaping(const std::function<bool(const Shaping&)>& wanted) {
  for (std::uint32_t i = 0;; ++i) {
    Seed seed{};
    for (std::size_t b = 0; b < 4; ++b) seed[b] = static_cast<std::uint8_t>(i >> (8 * b));
    auto shaping = std::make_shared<const Shaping>(seed);
    if (wanted(*shaping)) return shaping;
  }
}

/// All bursts end at one length.
inline std::shared_ptr<const Shaping> one_length() {
  static const auto shaping = find_shaping([](const Shaping& s) { return s.length.table().size() == 1; });
  return shaping;
}

}  // namespace surang::obfs4::rig
