// The person's own files beside client.toml that add to a list which the program carries with it
// (block_pages.toml, services.toml). client_config asks for them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/toml_reader.hpp"

namespace surang::config {

struct ListFile {
  std::string name;  ///< for messages
  std::string text;
};

/// The files that the setting KEY lists, which must be there; without that setting, KEY.toml beside the
/// configuration file `file` where there is one. Throws ConfigError.
std::vector<ListFile> read_list_files(TomlReader& root, const std::string& key,
                                      const std::filesystem::path& file);

}  // namespace surang::config
