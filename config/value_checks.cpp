#include "config/value_checks.hpp"

#include "transports/core/endpoint.hpp"

namespace surang::config {

boost::asio::ip::tcp::endpoint listen_address(const TomlReader& at, const std::string& key,
                                              const std::string& text) {
  const auto endpoint = Endpoint::parse(text);
  const auto address = endpoint ? endpoint->address() : std::nullopt;
  if (!address)
    at.fail(key,
            "'" + key + "': '" + text + "' is not an address and port such as 127.0.0.1:1080 or [::1]:1080");
  return {*address, endpoint->port()};
}

void read_log_level(TomlReader& from, std::string& level) {
  const auto value = from.string("log_level");
  if (!value) return;
  if (*value != "error" && *value != "warn" && *value != "info" && *value != "debug")
    from.fail("log_level", "'log_level' must be error, warn, info or debug, not '" + *value + "'");
  level = *value;
}

void read_state_dir(TomlReader& from, const std::filesystem::path& file, std::filesystem::path& dir) {
  const auto value = from.string("state_dir");
  if (!value) return;
  if (value->empty()) from.fail("state_dir", "'state_dir' must name a folder");
  dir = file.parent_path() / *value;
}

}  // namespace surang::config
