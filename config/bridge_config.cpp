#include "config/bridge_config.hpp"

#include "config/network_range.hpp"
#include "config/paths.hpp"
#include "config/private_file.hpp"
#include "config/toml_reader.hpp"
#include "config/value_checks.hpp"

namespace surang::config {
namespace {

unsigned read_count(TomlReader& from, std::string_view key, std::int64_t least, std::int64_t most,
                    unsigned otherwise) {
  return static_cast<unsigned>(from.integer(key, least, most).value_or(otherwise));
}

void check_ranges(TomlReader& at, const std::string& key, const std::vector<std::string>& ranges) {
  for (const auto& range : ranges)
    if (!NetworkRange::parse(range))
      at.fail(key, "'" + range + "' is not an address range such as 10.1.0.0/16");
}

void read_fronted(TomlReader& section, const std::filesystem::path& file, ListenerOptions& listener) {
  listener.edges = section.strings("edges").value_or(std::vector<std::string>{});
  check_ranges(section, "edges", listener.edges);
  for (auto [key, path] :
       {std::pair{"certificate", &listener.certificate}, std::pair{"key", &listener.key}}) {
    const auto text = section.string(key);
    if (text && text->empty()) section.fail(key, "'" + std::string(key) + "' must name a file");
    if (text) *path = std::filesystem::absolute(file).parent_path() / *text;
  }
  if (listener.certificate.empty() != listener.key.empty())
    section.fail(listener.key.empty() ? "certificate" : "key", "'certificate' and 'key' belong together");
}

void read_fronts(TomlReader& root, BridgeOptions& options) {
  for (auto section : root.tables("front")) {
    TransportSpec spec;
    spec.port = static_cast<std::uint16_t>(section.integer("port", 1, 65535).value_or(443));
    for (const auto* key : {"sni", "verify", "path"})
      if (const auto value = section.string(key)) spec.params[key] = *value;
    for (const auto& address : section.strings("at").value_or(std::vector<std::string>{}))
      (spec.params["at"] += spec.params["at"].empty() ? "" : ",") += address;
    spec.params["host"] = section.required_string("host");
    section.finish();
    std::string why;
    auto front = fronted::read_front(spec, why);
    if (!front) section.fail("host", why);
    options.fronts.push_back(std::move(*front));
  }
}

void read_listeners(TomlReader& root, const std::filesystem::path& file, BridgeOptions& options) {
  bool fronted = false;
  for (auto section : root.tables("listen")) {
    ListenerOptions listener;
    listener.transport = section.string("transport").value_or(listener.transport);
    if (listener.transport == "obfs4")
      listener.iat_mode = read_count(section, "iat_mode", 0, 2, listener.iat_mode);
    else if (listener.transport == "fronted")
      read_fronted(section, file, listener);
    else if (listener.transport != "https" && listener.transport != "quic")
      section.fail("transport", "'transport' must be https, obfs4, fronted or quic");
    fronted = fronted || listener.transport == "fronted";
    if (listener.transport != "quic")
      listener.proxy_protocol = section.boolean("proxy_protocol").value_or(false);
    listener.address = listen_address(section, "address", section.required_string("address"));
    section.finish();
    options.listeners.push_back(std::move(listener));
  }
  if (options.listeners.empty()) root.missing("listen", "at least one [[listen]] section is needed");
  if (fronted && options.fronts.empty())
    root.missing("front", "a fronted listener needs a [[front]] section: how clients reach its edge");
  if (!fronted && !options.fronts.empty())
    root.fail("front", "a [[front]] section needs a [[listen]] section with transport = \"fronted\"");
}

BridgeOptions read(std::string_view toml, const std::filesystem::path& file) {
  auto root = TomlReader::parse(toml, file.filename().string());
  BridgeOptions options = default_bridge_options();
  options.hosts = root.strings("hosts").value_or(std::vector<std::string>{});
  if (options.hosts.empty()) root.missing("hosts", "'hosts' must name where clients reach this bridge");
  for (auto& host : options.hosts) {
    const auto checked = Endpoint::make(host, 1);
    if (!checked) root.fail("hosts", "'" + host + "' is neither a host name nor an address");
    host = checked->host();
  }
  const auto cover = Endpoint::parse(root.required_string("cover"), 443);
  if (!cover || cover->port() == 0) root.fail("cover", "'cover' must be a site such as www.example.org:443");
  options.cover = *cover;
  options.sni = root.string("sni").value_or(cover->address() ? std::string{} : cover->host());
  if (const auto name = Endpoint::make(options.sni, 443); !name || name->address())
    root.fail("sni", options.sni.empty()
                         ? "'sni' must say which name clients show, since 'cover' is an address"
                         : "'" + options.sni + "' is no host name");
  read_state_dir(root, file, options.state_dir);
  read_log_level(root, options.log_level);
  options.allow_egress = root.strings("allow_egress").value_or(std::vector<std::string>{});
  check_ranges(root, "allow_egress", options.allow_egress);
  options.workers = read_count(root, "workers", 0, 256, options.workers);
  options.max_handshakes_per_address =
      read_count(root, "max_handshakes_per_address", 1, 100'000, options.max_handshakes_per_address);
  options.max_sessions_per_user =
      read_count(root, "max_sessions_per_user", 1, 100'000, options.max_sessions_per_user);
  read_fronts(root, options);
  read_listeners(root, file, options);
  root.finish();
  return options;
}

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

std::string toml_list(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const auto& value : values) out += (out.size() > 1 ? ", \"" : "\"") + value + '"';
  return out + ']';
}

}  // namespace

Result<BridgeOptions> parse_bridge_config(std::string_view toml, const std::string& file_name,
                                          std::string& why) {
  try {
    return read(toml, file_name);
  } catch (const ConfigError& e) {
    why = e.what();
    return make_error_code(Errc::bad_input);
  }
}

Result<BridgeOptions> load_bridge_config(const std::filesystem::path& file, std::string& why) {
  const auto content = read_file(file);
  if (!content) {
    why = file.string() + ": " + content.error().message();
    return content.error();
  }
  return parse_bridge_config(*content, file.string(), why);
}

std::string format_bridge_config(const BridgeOptions& options) {
  std::string text;
  text += "# Where clients reach this bridge: names or addresses, written into the links.\n";
  text += "hosts = " + toml_list(options.hosts) + "\n\n";
  text += "# The site that everyone without a link is shown.\n";
  text += "cover = \"" + options.cover.to_string() + "\"\n\n";
  text += "# The name that clients show in clear: one that the cover site answers to.\n";
  text += "sni = \"" + options.sni + "\"\n\n";
  text += "# Keys and users; only the bridge's own user may enter.\n";
  text += "state_dir = \"" + std::filesystem::absolute(options.state_dir).string() + "\"\n\n";
  text += "# Address ranges that clients may reach although they are private or reserved.\n";
  text += "allow_egress = " + toml_list(options.allow_egress) + "\n\n";
  text += "# 0: one per core.\n";
  text += "workers = " + std::to_string(options.workers) + "\n";
  text += "max_handshakes_per_address = " + std::to_string(options.max_handshakes_per_address) + "\n";
  text += "max_sessions_per_user = " + std::to_string(options.max_sessions_per_user) + "\n";
  text += "log_level = \"" + options.log_level + "\"\n";
  for (const auto& listener : options.listeners) {
    const Endpoint address(listener.address.address().to_string(), listener.address.port());
    text += "\n[[listen]]\naddress = \"" + address.to_string() + "\"\n";
    text += "transport = \"" + listener.transport + "\"\n";
    if (listener.transport == "quic") continue;
    text += "# true behind a load balancer that sends PROXY protocol v2.\n";
    text += std::string("proxy_protocol = ") + (listener.proxy_protocol ? "true" : "false") + "\n";
    if (listener.transport == "obfs4") text += "iat_mode = " + std::to_string(listener.iat_mode) + "\n";
    if (!listener.edges.empty()) text += "edges = " + toml_list(listener.edges) + "\n";
    if (listener.certificate.empty()) continue;
    text += "certificate = " + quoted(listener.certificate.string()) + "\n";
    text += "key = " + quoted(listener.key.string()) + "\n";
  }
  for (const auto& front : options.fronts) {
    text += "\n[[front]]\nhost = " + quoted(front.host) + "\nport = " + std::to_string(front.port) + "\n";
    text += "sni = " + quoted(front.sni.empty() ? "none" : front.sni) + "\n";
    text += "verify = " + quoted(front.verified) + "\nat = " + toml_list(front.addresses) + "\n";
    if (!front.prefix.empty()) text += "path = " + quoted(front.prefix) + "\n";
  }
  return text;
}

BridgeOptions default_bridge_options() {
  BridgeOptions options;
  options.state_dir = default_state_dir("bridge");
  return options;
}

std::filesystem::path default_bridge_config_path() {
  return default_config_dir() / "bridge.toml";
}

}  // namespace surang::config
