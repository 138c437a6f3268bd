// HTTP/2 frames by hand, for tests that must send what no library would, and look at what came back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace surang::test::h2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// RFC 9113 4.1.
inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 255);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 255);
  out += payload;
  return out;
}

/// HPACK, literal without indexing, no Huffman coding (RFC 7541 6.2.2).
inline std::string field(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  for (const auto text : {name, value}) {
    if (text.size() < 127) {
      out += static_cast<char>(text.size());
    } else {
      out += '\x7f';
      auto rest = text.size() - 127;
      for (; rest >= 128; rest /= 128) out += static_cast<char>(rest % 128 + 128);
      out += static_cast<char>(rest);
    }
    out += text;
  }
  return out;
}

struct Seen {
  std::uint8_t type = 0, flags = 0;
  std::uint32_t stream = 0;
  std::string_view payload;  ///< padding included
};

/// Calls `look` for every whole frame in `bytes`.
void each(std::string_view bytes, const std::function<void(const Seen&)>& look);

/// Stream -> the value of :status.
std::map<std::uint32_t, std::string> statuses(std::string_view bytes);

}  // namespace surang::test::h2
