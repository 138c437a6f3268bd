// The running client: wires options, verdicts, routing, bridges, the local port and the control socket
// together, reloads and ends them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "config/client_options.hpp"
#include "config/exit_code.hpp"

namespace surang::client {

struct LoadedConfig {
  int status = kOk;
  std::string why;  ///< one sentence, when status is not kOk
  config::ClientOptions options;
};
/// What becomes of a default file that is not there; any other must be.
enum class WhenMissing { use_defaults, refuse };
LoadedConfig load_config(const std::filesystem::path& file, WhenMissing missing = WhenMissing::use_defaults);

/// Runs until a signal ends it, and logs to spdlog's default logger. Returns an ExitCode.
int run_client(const std::filesystem::path& config_file, config::ClientOptions options);

}  // namespace surang::client
