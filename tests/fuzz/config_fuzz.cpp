// Any text as client.toml and bridge.toml: read, or refused with a reason.
#include <cstdlib>

#include "config/bridge_config.hpp"
#include "config/client_config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string why;
  if (!surang::config::parse_client_config(text, "client.toml", why) && why.empty()) std::abort();
  why.clear();
  if (!surang::config::parse_bridge_config(text, "bridge.toml", why) && why.empty()) std::abort();
  return 0;
}
