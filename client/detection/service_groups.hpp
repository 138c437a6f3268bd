// Which hosts make up one service (config/service_list: X, Meta, Telegram…), so that what is learnt of one of
// them holds for all. Pure and unchanging once made.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/routing/rules.hpp"
#include "config/service_list.hpp"

namespace surang::client {

class ServiceGroups {
 public:
  ServiceGroups() = default;  ///< no services
  explicit ServiceGroups(const std::vector<config::ServiceGroup>& services);

  /// The service that `host`, a normalised name or an address literal, belongs to. Nothing for most.
  std::optional<std::string> group_of(std::string_view host) const;
  /// What it is made of; empty when there is no such service.
  const std::vector<std::string>& patterns(std::string_view group) const;
  bool same_group(std::string_view a, std::string_view b) const;

 private:
  struct Group {
    std::string name;
    std::vector<std::string> texts;
    PatternList patterns;
  };
  const Group* find(std::string_view host) const;

  std::vector<Group> groups_;
};

}  // namespace surang::client
