#include "client/routing/rules.hpp"

#include <algorithm>

#include "transports/core/endpoint.hpp"

namespace surang::client {
namespace {

namespace ip = boost::asio::ip;

std::string_view without_brackets(std::string_view text) {
  return text.size() > 2 && text.front() == '[' && text.back() == ']' ? text.substr(1, text.size() - 2)
                                                                      : text;
}

std::optional<ip::address> address_of(std::string_view text) {
  const auto address = address_literal(without_brackets(text));
  if (!address) return std::nullopt;
  return unmapped(*address);
}

// The same with IPv4 that is written as IPv6 taken for what it is.
std::optional<config::NetworkRange> range_of(std::string_view text) {
  auto range = config::NetworkRange::parse(without_brackets(text));
  if (!range || range->prefix < 96) return range;  // IPv4 as it is, or wider than all of IPv4
  range->base = unmapped(range->base);
  if (range->base.is_v4()) range->prefix -= 96;
  return range;
}

}  // namespace

std::optional<Pattern> Pattern::parse(std::string_view text) {
  Pattern made;
  if (const auto range = range_of(text)) {
    made.range_ = *range;
    return made;
  }
  made.form_ = Form::with_subdomains;
  if (text.starts_with('=')) {
    made.form_ = Form::exact;
    text.remove_prefix(1);
  } else if (text.starts_with("*.")) {
    made.form_ = Form::subdomains;
    text.remove_prefix(2);
  }
  auto name = Endpoint::make(text, 1);
  if (!name) return std::nullopt;
  made.name_ = name->host();
  return made;
}

bool Pattern::covers(std::string_view host) const {
  return covers(host, address_of(host));
}

bool Pattern::covers(std::string_view host, const std::optional<ip::address>& address) const {
  if (form_ == Form::range) return address && range_.contains(*address);
  if (address) return false;
  if (host == name_) return form_ != Form::subdomains;
  if (form_ == Form::exact) return false;
  return host.size() > name_.size() && host.ends_with(name_) && host[host.size() - name_.size() - 1] == '.';
}

std::size_t Pattern::specificity() const noexcept {
  switch (form_) {
    case Form::range:
      return std::size_t{range_.prefix} * 8;
    case Form::with_subdomains:
      return name_.size() * 4;
    case Form::subdomains:
      return name_.size() * 4 + 1;
    case Form::exact:
      return name_.size() * 4 + 2;
  }
  return 0;
}

PatternList::PatternList(const std::vector<std::string>& texts) {
  for (const auto& text : texts)
    if (auto pattern = Pattern::parse(text)) patterns_.push_back(std::move(*pattern));
}

bool PatternList::covers(std::string_view host) const {
  if (patterns_.empty()) return false;
  const auto address = address_of(host);
  return std::ranges::any_of(patterns_, [&](const Pattern& p) { return p.covers(host, address); });
}

Rules::Rules(std::vector<config::Rule> rules) {
  for (auto& rule : rules) {
    auto pattern = Pattern::parse(rule.pattern);
    if (!pattern) continue;
    // The most specific first, and the later one of equals.
    const auto place = std::partition_point(entries_.begin(), entries_.end(), [&](const Entry& e) {
      return e.pattern.specificity() > pattern->specificity();
    });
    entries_.insert(place, {std::move(*pattern), std::move(rule)});
  }
}

const config::Rule* Rules::match(std::string_view host) const {
  return entries_.empty() ? nullptr : match(host, address_of(host));
}

const config::Rule* Rules::match(const Endpoint& to) const {
  if (entries_.empty()) return nullptr;
  return match(to.host(), to.address() ? std::optional(unmapped(*to.address())) : std::nullopt);
}

const config::Rule* Rules::match(std::string_view host, const std::optional<ip::address>& address) const {
  for (const auto& entry : entries_)
    if (entry.pattern.covers(host, address)) return &entry.rule;
  return nullptr;
}

}  // namespace surang::client
