#include "client/detection/answer_head.hpp"

#include <algorithm>

namespace surang::client {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

bool equal_nocase(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool starts_nocase(std::string_view text, std::string_view start) noexcept {
  return text.size() >= start.size() && equal_nocase(text.substr(0, start.size()), start);
}

std::string_view header_of(std::string_view head, std::string_view name) noexcept {
  for (std::size_t at = head.find('\n'); at != head.npos; at = head.find('\n', at)) {
    ++at;
    auto line = head.substr(at, head.find('\n', at) - at);
    const auto colon = line.find(':');
    if (colon == line.npos || !equal_nocase(line.substr(0, colon), name)) continue;
    line.remove_prefix(colon + 1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    return line;
  }
  return {};
}

}  // namespace surang::client
