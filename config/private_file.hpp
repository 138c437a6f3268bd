// Files that hold secrets: readable by their owner only, replaced whole or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "transports/core/result.hpp"

namespace surang::config {

/// All of a file; the system's error when it cannot be read.
Result<std::string> read_file(const std::filesystem::path& file);

/// Writes beside it with mode 0600, syncs, renames over it. The folder is made (0700) when missing. On
/// Linux a link stays one: what it leads to is replaced, and who owned that goes on owning it, as far as this
/// user may say so.
Result<void> write_private_file(const std::filesystem::path& file, std::string_view content);

/// Makes a folder (and those above it) that only its owner may enter.
Result<void> make_private_dir(const std::filesystem::path& dir);

}  // namespace surang::config
