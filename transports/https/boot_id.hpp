// Which run of the machine this is, for what a crash of the machine may have lost (boot_id_linux.cpp,
// _windows.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace surang::https {

/// The same for as long as the machine runs, another after every start of it; nothing where the system tells
/// none.
std::optional<std::array<std::uint8_t, 16>> boot_id();

}  // namespace surang::https
