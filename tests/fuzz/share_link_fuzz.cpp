// Any text as a share link: no crash, and what is accepted survives being written and read again.
#include <cstdlib>

#include "config/share_link.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string why;
  const auto link = surang::config::parse_share_link({reinterpret_cast<const char*>(data), size}, why);
  if (!link) return why.empty() ? std::abort(), 0 : 0;
  const auto again = surang::config::parse_share_link(surang::config::format_share_link(*link), why);
  if (!again || !(*again == *link)) std::abort();
  return 0;
}
