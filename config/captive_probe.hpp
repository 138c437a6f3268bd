// The page that tells whether a network wants people to sign in first: plain HTTP, and empty (204). Part of
// the client's options; client/detection asks it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace surang::config {

struct CaptiveProbe {
  std::string host;
  std::uint16_t port = 80;
  std::string target = "/";  ///< path and query
  friend bool operator==(const CaptiveProbe&, const CaptiveProbe&) = default;
};

/// "http://host[:port][/path]"; nothing for anything else.
std::optional<CaptiveProbe> parse_captive_probe(std::string_view url);

}  // namespace surang::config
