// Any text as a bridge line: no crash, and what is accepted survives being written and read again.
#include <cstdlib>

#include "config/bridge_line.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace surang::config;
  std::string why;
  const auto link = parse_bridge_line({reinterpret_cast<const char*>(data), size}, why);
  if (!link) return why.empty() ? std::abort(), 0 : 0;
  const auto again = parse_bridge_line(format_bridge_line(*link), why);
  if (!again || !(*again == *link)) std::abort();
  return 0;
}
