// Checks of single values for both configurations; each throws ConfigError at the key it belongs to.
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

/// A pattern of the forms that Rule describes.
void check_pattern(const TomlReader& at, const std::string& key, const std::string& pattern);

/// A file that must be there, be readable, and hold certificates (PEM) that OpenSSL takes.
void check_certificates(const TomlReader& at, const std::string& key, const std::filesystem::path& file);

}  // namespace surang::config
