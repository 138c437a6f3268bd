#include <cstdlib>

#include "config/paths.hpp"

namespace surang::config {

std::filesystem::path default_config_dir() {
  const wchar_t* base = ::_wgetenv(L"ProgramData");
  return std::filesystem::path(base ? base : L"C:\\ProgramData") / "Surang";
}

std::filesystem::path default_state_dir(std::string_view program) {
  return default_config_dir() / "state" / program;
}

}  // namespace surang::config
