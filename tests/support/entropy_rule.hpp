// The Great Firewall's rule for fully encrypted traffic as measured from outside (Wu et al., "How the Great
// Firewall of China Detects and Blocks Fully Encrypted Traffic", USENIX Security 2023, algorithm 1): the
// first data packet of a connection is blocked unless one of five exemptions lets it pass.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace surang::test {

struct EntropyRule {
  bool few_or_many_bits = false;   ///< Ex1: at most 3.4 or at least 4.6 bits of a byte are set
  bool printable_opening = false;  ///< Ex2: the first six bytes are printable
  bool mostly_printable = false;   ///< Ex3: more than half of the bytes are
  bool printable_run = false;      ///< Ex4: more than twenty in a row are
  bool known_protocol = false;     ///< Ex5: it begins as TLS or HTTP does

  explicit EntropyRule(std::span<const std::uint8_t> first_packet) {
    std::size_t bits = 0, printable = 0, run = 0, longest = 0, opening = 0;
    for (std::size_t i = 0; i < first_packet.size(); ++i) {
      const auto byte = first_packet[i];
      const bool is_printable = byte >= 0x20 && byte <= 0x7e;
      bits += static_cast<std::size_t>(std::popcount(byte));
      printable += is_printable ? 1 : 0;
      run = is_printable ? run + 1 : 0;
      longest = std::max(longest, run);
      if (is_printable && opening == i) ++opening;
    }
    const auto size = first_packet.size();
    few_or_many_bits = 10 * bits <= 34 * size || 10 * bits >= 46 * size;
    printable_opening = opening >= 6;
    mostly_printable = 2 * printable > size;
    printable_run = longest > 20;
    const std::string_view text(reinterpret_cast<const char*>(first_packet.data()), size);
    known_protocol =
        (size >= 3 && (text[0] == 0x16 || text[0] == 0x17) && text[1] == 3 && first_packet[2] <= 9) ||
        text.starts_with("GET ") || text.starts_with("PUT ") || text.starts_with("POST ") ||
        text.starts_with("HEAD ");
  }

  bool blocked() const {
    return !few_or_many_bits && !printable_opening && !mostly_printable && !printable_run && !known_protocol;
  }
};

}  // namespace surang::test
