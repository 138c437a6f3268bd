// The bridge's own keys: one file in its state folder, mode 0600 (PROTOCOL.md, keys).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "transports/core/result.hpp"

namespace surang::bridge {

struct BridgeKeys {
  std::array<std::uint8_t, 32> private_key{};  ///< X25519, b
  std::array<std::uint8_t, 32> public_key{};   ///< X25519, B; derived, not stored
  std::array<std::uint8_t, 20> node_id{};      ///< for obfs4
  std::array<std::uint8_t, 32> secret{};       ///< what only this bridge knows
};

BridgeKeys make_bridge_keys();
std::filesystem::path keys_file(const std::filesystem::path& state_dir);
std::filesystem::path users_file(const std::filesystem::path& state_dir);
std::filesystem::path control_socket(const std::filesystem::path& state_dir);

/// The system's error when unreadable, Errc::bad_input when damaged; `why` names the file.
Result<BridgeKeys> load_bridge_keys(const std::filesystem::path& file, std::string& why);
Result<void> save_bridge_keys(const std::filesystem::path& file, const BridgeKeys& keys);

}  // namespace surang::bridge
