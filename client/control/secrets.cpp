#include "client/control/secrets.hpp"

#include <algorithm>

namespace surang::client {

std::string without_links(std::string_view text) {
  constexpr std::string_view scheme = "surang://";
  constexpr std::string_view ends = " \t\r\n\"'";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  std::string out;
  for (;;) {
    const auto found = std::search(text.begin(), text.end(), scheme.begin(), scheme.end(), same);
    out.append(text.begin(), found);
    if (found == text.end()) return out;
    out.append(scheme).append("...");
    text.remove_prefix(static_cast<std::size_t>(found - text.begin()));
    text.remove_prefix(std::min(text.find_first_of(ends), text.size()));
  }
}

}  // namespace surang::client
