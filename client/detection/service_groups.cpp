#include "client/detection/service_groups.hpp"

#include <algorithm>

namespace surang::client {

ServiceGroups::ServiceGroups(const std::vector<config::ServiceGroup>& services) {
  for (const auto& service : services)
    groups_.push_back({service.name, service.patterns, PatternList(service.patterns)});
}

const ServiceGroups::Group* ServiceGroups::find(std::string_view host) const {
  for (const auto& group : groups_)
    if (group.patterns.covers(host)) return &group;
  return nullptr;
}

std::optional<std::string> ServiceGroups::group_of(std::string_view host) const {
  const auto* group = find(host);
  return group ? std::optional(group->name) : std::nullopt;
}

const std::vector<std::string>& ServiceGroups::patterns(std::string_view name) const {
  static const std::vector<std::string> kNone;
  const auto found = std::ranges::find(groups_, name, &Group::name);
  return found == groups_.end() ? kNone : found->texts;
}

bool ServiceGroups::same_group(std::string_view a, std::string_view b) const {
  const auto* group = find(a);
  return group && group == find(b);
}

}  // namespace surang::client
