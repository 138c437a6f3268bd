#include "config/service_list.hpp"

#include <algorithm>

#include "config/network_range.hpp"
#include "config/shipped_lists.hpp"
#include "config/toml_reader.hpp"
#include "config/value_checks.hpp"
#include "transports/core/endpoint.hpp"

namespace surang::config {
namespace {

struct NamePattern {
  enum class Form { with_subdomains, exact, subdomains } form = Form::with_subdomains;
  std::string name;
};

NamePattern name_pattern(std::string_view text) {
  NamePattern p;
  if (text.starts_with('=')) {
    p.form = NamePattern::Form::exact;
    text.remove_prefix(1);
  } else if (text.starts_with("*.")) {
    p.form = NamePattern::Form::subdomains;
    text.remove_prefix(2);
  }
  const auto made = Endpoint::make(text, 1);
  p.name = made ? made->host() : std::string(text);
  return p;
}

bool below(const std::string& name, const std::string& parent) {
  return name.size() > parent.size() && name.ends_with(parent) &&
         name[name.size() - parent.size() - 1] == '.';
}

// Whether one host may be covered by both.
bool overlap(const std::string& a, const std::string& b) {
  const auto range_a = NetworkRange::parse(a), range_b = NetworkRange::parse(b);
  if (range_a || range_b)
    return range_a && range_b && (range_a->contains(range_b->base) || range_b->contains(range_a->base));
  using Form = NamePattern::Form;
  const auto x = name_pattern(a), y = name_pattern(b);
  if (x.name == y.name)
    return x.form == y.form || x.form == Form::with_subdomains || y.form == Form::with_subdomains;
  if (below(x.name, y.name)) return y.form != Form::exact;
  return below(y.name, x.name) && x.form != Form::exact;
}

ServiceGroup& group_named(std::vector<ServiceGroup>& services, const std::string& name) {
  const auto there = std::ranges::find_if(services, [&](const ServiceGroup& g) { return g.name == name; });
  if (there != services.end()) return *there;
  services.push_back({name, {}});
  return services.back();
}

std::size_t patterns_of(const std::vector<ServiceGroup>& services) {
  std::size_t count = 0;
  for (const auto& group : services) count += group.patterns.size();
  return count;
}

void read_service(TomlReader& section, std::vector<ServiceGroup>& services) {
  (void)section.string("note");
  const auto patterns = section.strings("patterns");
  const auto name = section.required_string("name");
  if (name.empty() || name.size() > 60) section.fail("name", "'name' must have 1 to 60 characters");
  if (!patterns || patterns->empty()) section.missing("patterns", "'patterns' must list at least one host");
  for (const auto& pattern : *patterns) {
    check_pattern(section, "patterns", pattern);
    for (const auto& other : services) {
      if (other.name == name) continue;
      for (const auto& theirs : other.patterns)
        if (overlap(pattern, theirs)) {
          std::string problem = "'";
          problem.append(pattern).append("' of the service ").append(name).append(" and '").append(theirs);
          problem.append("' of the service ").append(other.name);
          section.fail("patterns", problem + " cover the same hosts: a host belongs to one service only");
        }
    }
    if (patterns_of(services) >= kMostServicePatterns)
      section.fail("patterns",
                   "more than " + std::to_string(kMostServicePatterns) + " hosts of services in all");
    auto& mine = group_named(services, name).patterns;
    if (std::ranges::find(mine, pattern) == mine.end()) mine.push_back(pattern);
  }
  if (services.size() > kMostServices)
    section.fail("name", "more than " + std::to_string(kMostServices) + " services");
  section.finish();
}

}  // namespace

void extend_services(std::vector<ServiceGroup>& services, std::string_view toml,
                     const std::string& file_name) {
  auto root = TomlReader::parse(toml, file_name);
  // What a later version ships no more is no mistake in somebody's file.
  for (const auto& name : root.strings("disable").value_or(std::vector<std::string>{}))
    std::erase_if(services, [&](const ServiceGroup& group) { return group.name == name; });
  for (auto section : root.tables("service")) read_service(section, services);
  root.finish();
}

const std::vector<ServiceGroup>& shipped_services() {
  static const std::vector<ServiceGroup> services = [] {
    std::vector<ServiceGroup> made;
    extend_services(made, kShippedServices, "services.toml");
    return made;
  }();
  return services;
}

}  // namespace surang::config
