#include "client/routing/rules.hpp"

#include <algorithm>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>

#include "transports/core/endpoint.hpp"

namespace surang::client {
namespace {

namespace ip = boost::asio::ip;

struct Range {
  ip::address address;
  unsigned bits = 0;
};

std::optional<ip::address> address_of(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  boost::system::error_code ec;
  auto a = ip::make_address(text, ec);
  if (ec) return std::nullopt;
  if (a.is_v6() && a.to_v6().is_v4_mapped()) a = ip::make_address_v4(ip::v4_mapped, a.to_v6());
  return a;
}

std::optional<Range> range_of(std::string_view pattern) {
  const auto slash = pattern.find('/');
  const auto address = address_of(pattern.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned full = address->is_v4() ? 32 : 128;
  if (slash == pattern.npos) return Range{*address, full};
  const auto digits = pattern.substr(slash + 1);
  if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != digits.npos)
    return std::nullopt;
  const auto bits = static_cast<unsigned>(std::stoul(std::string(digits)));
  if (bits > full) return std::nullopt;
  return Range{*address, bits};
}

template <class Bytes>
bool same_prefix(const Bytes& a, const Bytes& b, unsigned bits) {
  for (std::size_t i = 0; bits > 0; ++i) {
    const unsigned n = std::min(bits, 8U);
    const auto mask = static_cast<std::uint8_t>(0xFF00U >> n);
    if ((a[i] & mask) != (b[i] & mask)) return false;
    bits -= n;
  }
  return true;
}

bool inside(const Range& range, const ip::address& a) {
  if (range.address.is_v4() != a.is_v4()) return false;
  return a.is_v4() ? same_prefix(range.address.to_v4().to_bytes(), a.to_v4().to_bytes(), range.bits)
                   : same_prefix(range.address.to_v6().to_bytes(), a.to_v6().to_bytes(), range.bits);
}

// "=name" 2, "*.name" 1, "name" 0; the bare name behind.
std::pair<int, std::string> name_of(std::string_view pattern) {
  int form = 0;
  if (pattern.starts_with('=')) {
    form = 2;
    pattern.remove_prefix(1);
  } else if (pattern.starts_with("*.")) {
    form = 1;
    pattern.remove_prefix(2);
  }
  const auto made = Endpoint::make(pattern, 1);
  return {form, made ? made->host() : std::string()};
}

// More is more specific.
std::size_t specificity(const std::string& pattern) {
  if (const auto range = range_of(pattern)) return range->bits * 8;
  const auto [form, name] = name_of(pattern);
  return name.size() * 4 + static_cast<std::size_t>(form);
}

}  // namespace

bool valid_pattern(std::string_view pattern) {
  return range_of(pattern).has_value() || !name_of(pattern).second.empty();
}

bool pattern_matches(std::string_view pattern, std::string_view host) {
  const auto address = address_of(host);
  if (const auto range = range_of(pattern)) return address && inside(*range, *address);
  if (address) return false;
  const auto [form, name] = name_of(pattern);
  if (name.empty()) return false;
  if (host == name) return form != 1;
  if (form == 2) return false;
  return host.size() > name.size() && host.ends_with(name) && host[host.size() - name.size() - 1] == '.';
}

Rules::Rules(std::vector<config::Rule> rules) : rules_(std::move(rules)) {
  std::reverse(rules_.begin(), rules_.end());  // so that the later one of equals comes first
  std::stable_sort(rules_.begin(), rules_.end(), [](const auto& a, const auto& b) {
    return specificity(a.pattern) > specificity(b.pattern);
  });
}

const config::Rule* Rules::match(std::string_view host) const {
  for (const auto& rule : rules_)
    if (pattern_matches(rule.pattern, host)) return &rule;
  return nullptr;
}

}  // namespace surang::client
