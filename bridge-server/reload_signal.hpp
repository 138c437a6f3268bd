// The signal that asks a running bridge to read its configuration again.
#pragma once

#include <optional>

namespace surang::bridge {

/// Its number; nothing where the system has no such signal.
std::optional<int> reload_signal() noexcept;

}  // namespace surang::bridge
