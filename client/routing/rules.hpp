// The person's own rules (config::Rule), which stand above every verdict. Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/client_options.hpp"
#include "config/network_range.hpp"

namespace surang::client {

/// What a rule is about: an address, a range ("10.0.0.0/8"), or a name as "example.com" (and all below it),
/// "=example.com" (it alone) or "*.example.com" (all below).
class Pattern {
 public:
  /// Nothing when the text is no pattern.
  static std::optional<Pattern> parse(std::string_view text);

  /// Whether it covers `host`, a normalised name or an address literal.
  bool covers(std::string_view host) const;
  std::size_t specificity() const noexcept;  ///< more is more specific

 private:
  friend class Rules;
  friend class PatternList;
  enum class Form { range, with_subdomains, subdomains, exact };
  bool covers(std::string_view host, const std::optional<boost::asio::ip::address>& address) const;

  Form form_ = Form::range;
  std::string name_;
  config::NetworkRange range_;
};

/// Several patterns for one thing: the sensitive hosts, a service. What is no pattern covers nothing.
class PatternList {
 public:
  PatternList() = default;
  explicit PatternList(const std::vector<std::string>& texts);
  bool covers(std::string_view host) const;

 private:
  std::vector<Pattern> patterns_;
};

class Rules {
 public:
  explicit Rules(std::vector<config::Rule> rules = {});
  /// The most specific pattern wins ("=a.example.com" over "example.com", a /24 over a /8); among equals the
  /// later one. What is no pattern covers nothing.
  const config::Rule* match(std::string_view host) const;
  const config::Rule* match(const Endpoint& to) const;  ///< by its host

 private:
  struct Entry {
    Pattern pattern;
    config::Rule rule;
  };
  const config::Rule* match(std::string_view host,
                            const std::optional<boost::asio::ip::address>& address) const;

  std::vector<Entry> entries_;  // most specific first
};

}  // namespace surang::client
