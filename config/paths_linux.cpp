#include <unistd.h>

#include <cstdlib>

#include "config/paths.hpp"

namespace surang::config {
namespace {

// XDG Base Directory Specification: a relative value is to be ignored.
std::filesystem::path xdg_dir(const char* variable, std::string_view below_home) {
  if (const char* value = std::getenv(variable); value && *value == '/') return value;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home && *home ? home : "/") / below_home;
}

}  // namespace

std::filesystem::path default_config_dir() {
  return ::geteuid() == 0 ? "/etc/surang" : xdg_dir("XDG_CONFIG_HOME", ".config") / "surang";
}

std::filesystem::path default_state_dir(std::string_view program) {
  const auto base = ::geteuid() == 0 ? std::filesystem::path("/var/lib/surang")
                                     : xdg_dir("XDG_STATE_HOME", ".local/state") / "surang";
  return base / program;
}

}  // namespace surang::config
