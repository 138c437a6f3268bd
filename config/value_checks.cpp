#include "config/value_checks.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <memory>

#include "config/client_config.hpp"
#include "config/private_file.hpp"
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

void check_pattern(const TomlReader& at, const std::string& key, const std::string& pattern) {
  if (valid_rule_pattern(pattern)) return;
  at.fail(key, "'" + pattern +
                   "' is no pattern: use example.com, =example.com, *.example.com, an address or a range");
}

void check_certificates(const TomlReader& at, const std::string& key, const std::filesystem::path& file) {
  std::error_code ec;
  // Reading a pipe or a device might never end.
  if (!std::filesystem::is_regular_file(file, ec))
    at.fail(key, "'" + key + "': there is no file " + file.string());
  if (const auto content = read_file(file); !content)
    at.fail(key, "'" + key + "': cannot read " + file.string() + ": " + content.error().message());
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), X509_STORE_free);
  const bool usable = store && X509_STORE_load_file(store.get(), file.string().c_str()) == 1;
  ERR_clear_error();
  if (!usable) at.fail(key, "'" + key + "': " + file.string() + " holds no certificate in PEM form");
}

}  // namespace surang::config
