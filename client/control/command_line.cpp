#include "client/control/command_line.hpp"

#include <boost/json/serialize.hpp>
#include <cstdio>
#include <iostream>

#include "client/control/secrets.hpp"
#include "config/client_config.hpp"

namespace surang::client {

int complain(int status, const std::string& what) {
  std::fprintf(stderr, "surang: %s\n", without_links(what).c_str());
  return status;
}

void print(const boost::json::value& value) {
  std::cout << boost::json::serialize(value) << '\n';
}

bool nobody_there(const error_code& e) {
  return e == std::errc::no_such_file_or_directory || e == std::errc::connection_refused;
}

int unreachable(const error_code& e) {
  if (nobody_there(e)) return complain(kNotRunning, "Surang is not running. Start it with: surang run");
  if (e == std::errc::permission_denied)
    return complain(kPermission, "Surang runs as another user, who alone may ask it.");
  if (e == Errc::timed_out)
    return complain(kUnavailable, "Surang runs, but does not answer. Restart it if that stays so.");
  return complain(kUnavailable, "Surang does not answer: " + e.message());
}

LoadedConfig load_or_default(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) return load_config(file);
  LoadedConfig loaded;
  loaded.options = config::default_client_options();
  return loaded;
}

}  // namespace surang::client
