// Checks of values that both configurations hold; each throws ConfigError at the key it belongs to.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <string>

#include "config/toml_reader.hpp"
#include "transports/core/result.hpp"

namespace surang::config {

/// "127.0.0.1:1080" or "[::1]:1080"; port 0 lets the system choose.
boost::asio::ip::tcp::endpoint listen_address(const TomlReader& at, const std::string& key,
                                              const std::string& text);

/// `log_level`, when given: error, warn, info, debug.
void read_log_level(TomlReader& from, std::string& level);

/// `state_dir`, when given; relative ones belong to the configuration file's folder.
void read_state_dir(TomlReader& from, const std::filesystem::path& file, std::filesystem::path& dir);

}  // namespace surang::config
