// Random bytes and numbers for keys, padding and lengths, without a system call for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace surang::obfs4 {

/// Throws std::runtime_error only when the crypto library has none.
void draw(std::span<std::uint8_t> into);

/// Evenly from `low` to `high`, both included.
std::size_t draw_between(std::size_t low, std::size_t high);

}  // namespace surang::obfs4
