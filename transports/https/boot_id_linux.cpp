#include <charconv>
#include <fstream>
#include <string>

#include "transports/https/boot_id.hpp"

namespace surang::https {

std::optional<std::array<std::uint8_t, 16>> boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string text;
  in >> text;
  std::erase(text, '-');
  std::array<std::uint8_t, 16> id{};
  if (text.size() != 2 * id.size()) return {};
  for (std::size_t i = 0; i < id.size(); ++i) {
    const auto* at = text.data() + 2 * i;
    if (std::from_chars(at, at + 2, id[i], 16).ptr != at + 2) return {};
  }
  return id;
}

}  // namespace surang::https
