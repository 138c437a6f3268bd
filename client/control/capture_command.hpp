// `surang capture on` and `off`. Called by the command line alone; each gives an ExitCode.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace surang::client {

int capture_on(const std::filesystem::path& config, const std::vector<std::string>& lan, bool as_json);
/// Does its work without a running client, too, and after one that was killed.
int capture_off(const std::filesystem::path& config, bool as_json);

}  // namespace surang::client
