// The running bridge: workers, listeners, users, signals, control socket. `surang-bridge run` calls it.
#pragma once

#include <filesystem>

#include "config/bridge_options.hpp"

namespace surang::bridge {

/// Serves until TERM/INT (first drains, second stops at once); HUP reloads `config_file`. Returns the exit
/// code (0, 69 port or state folder not usable, 77 permission, 78 configuration); says why on the log.
int run_server(const config::BridgeOptions& options, const std::filesystem::path& config_file);

}  // namespace surang::bridge
