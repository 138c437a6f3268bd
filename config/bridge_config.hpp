// bridge.toml -> BridgeOptions.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "config/bridge_options.hpp"

namespace surang::config {

/// Reads and checks a file. Errc::bad_input with `why` = "bridge.toml:3: …"; a missing file is the system's
/// error.
Result<BridgeOptions> load_bridge_config(const std::filesystem::path& file, std::string& why);
Result<BridgeOptions> parse_bridge_config(std::string_view toml, const std::string& file_name,
                                          std::string& why);

/// The file that `init` writes for these options; parses back to the same.
std::string format_bridge_config(const BridgeOptions& options);

BridgeOptions default_bridge_options();
std::filesystem::path default_bridge_config_path();

}  // namespace surang::config
