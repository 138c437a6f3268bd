// Where configuration and state live when nobody says otherwise (README.md, files).
#pragma once

#include <filesystem>
#include <string_view>

namespace surang::config {

/// For root /etc/surang, for a plain user $XDG_CONFIG_HOME/surang; %ProgramData%\Surang on Windows.
std::filesystem::path default_config_dir();

/// For root /var/lib/surang, for a plain user $XDG_STATE_HOME/surang; %ProgramData%\Surang\state on Windows.
/// `program` ("client", "bridge") keeps the two apart on one machine.
std::filesystem::path default_state_dir(std::string_view program);

}  // namespace surang::config
