// The text of the lists that the program carries with it; CMake makes shipped_lists.cpp of
// config/block_pages.toml and config/services.toml.
#pragma once

#include <string_view>

namespace surang::config {

extern const std::string_view kShippedBlockPages;
extern const std::string_view kShippedServices;

}  // namespace surang::config
