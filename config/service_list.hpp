// Which hosts make up one service, as data: the shipped services.toml, compiled in, and the person's own
// files after it. client_config reads it; client/detection/service_groups asks it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace surang::config {

struct ServiceGroup {
  std::string name;
  std::vector<std::string> patterns;  ///< of the forms that Rule describes, each in one service only
  friend bool operator==(const ServiceGroup&, const ServiceGroup&) = default;
};

inline constexpr std::size_t kMostServices = 200, kMostServicePatterns = 1000;

const std::vector<ServiceGroup>& shipped_services();

/// Takes out the services that `toml` disables, then adds what it holds, to services of the same name where
/// there are such. Throws ConfigError; a host that would belong to two services is one.
void extend_services(std::vector<ServiceGroup>& services, std::string_view toml,
                     const std::string& file_name);

}  // namespace surang::config
