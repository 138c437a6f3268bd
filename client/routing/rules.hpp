// The person's own rules (config::Rule), which stand above every verdict. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "config/client_options.hpp"

namespace surang::client {

/// Whether `pattern` covers `host`, a normalised name or an address literal.
bool pattern_matches(std::string_view pattern, std::string_view host);
/// Whether a pattern is one at all: a name in one of its three forms, an address, a range.
bool valid_pattern(std::string_view pattern);

class Rules {
 public:
  explicit Rules(std::vector<config::Rule> rules = {});
  /// The most specific pattern wins ("=a.example.com" over "example.com", a /24 over a /8); among equals the
  /// later one.
  const config::Rule* match(std::string_view host) const;

 private:
  std::vector<config::Rule> rules_;  // most specific first
};

}  // namespace surang::client
