#include "config/client_config.hpp"

#include <algorithm>

#include "config/bridge_line.hpp"
#include "config/list_files.hpp"
#include "config/network_range.hpp"
#include "config/paths.hpp"
#include "config/private_file.hpp"
#include "config/toml_reader.hpp"
#include "config/value_checks.hpp"

namespace surang::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::pair<std::string_view, RuleAction> kActions[] = {
    {"always-tunnel", RuleAction::always_tunnel},
    {"always-direct", RuleAction::always_direct},
    {"never", RuleAction::never},
};

// A quoted TOML basic string; rules and links hold nothing that needs more than this.
std::string toml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

bool only_of(std::string_view text, std::string_view besides_letters_and_digits, std::size_t most) {
  return !text.empty() && text.size() <= most && std::ranges::all_of(text, [&](char c) {
    const bool common = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return common || besides_letters_and_digits.find(c) != besides_letters_and_digits.npos;
  });
}

bool valid_user(std::string_view name) {
  return only_of(name, "._-", 32) && name.front() != '-';
}

void read_milliseconds(TomlReader& from, std::string_view key, milliseconds& into, std::int64_t least,
                       std::int64_t most) {
  if (const auto value = from.integer(key, least, most)) into = milliseconds(*value);
}

void read_doh(TomlReader& root, ClientOptions& options) {
  const auto sections = root.tables("doh");
  if (!sections.empty()) options.doh.clear();
  for (auto section : sections) {
    DohServer server;
    const auto name = section.string("name");
    server.path = section.string("path").value_or(server.path);
    if (!server.path.starts_with('/')) section.fail("path", "'path' must begin with /");
    server.addresses = section.strings("addresses").value_or(std::vector<std::string>{});
    if (server.addresses.empty())
      section.missing("addresses",
                      "'addresses' must list at least one address: the name itself is never looked up");
    for (const auto& address : server.addresses)
      if (!address_literal(address)) section.fail("addresses", "'" + address + "' is not an address");
    server.port = static_cast<std::uint16_t>(section.integer("port", 1, 65535).value_or(server.port));
    const auto host = Endpoint::make(section.required_string("host"), 443);
    if (!host) section.fail("host", "'host' must be the name in the server's certificate");
    server.host = host->host();
    server.name = name.value_or(server.host);
    section.finish();
    options.doh.push_back(std::move(server));
  }
}

// By a link of ours or by a line as Tor has them.
ShareLink read_bridge(TomlReader& section) {
  std::string why;
  if (const auto line = section.string("line")) {
    auto bridge = parse_bridge_line(*line, why);
    if (!bridge || !usable_bridge_line(*bridge, why)) section.fail("line", why);
    if (section.string("link")) section.fail("link", "a bridge has a 'link' or a 'line', not both");
    section.finish();
    return std::move(*bridge);
  }
  auto bridge = parse_share_link(section.required_string("link"), why);
  if (!bridge) section.fail("link", why);
  section.finish();
  return std::move(*bridge);
}

void read_rules(TomlReader& root, ClientOptions& options) {
  for (auto section : root.tables("rule")) {
    const auto action = parse_rule_action(section.required_string("action"));
    if (!action) section.fail("action", "'action' must be always-tunnel, always-direct or never");
    Rule rule{*action, section.required_string("pattern")};
    check_pattern(section, "pattern", rule.pattern);
    section.finish();
    options.rules.push_back(std::move(rule));
  }
}

void read_detection(TomlReader& root, ClientOptions& options) {
  auto section = root.table("detection");
  if (!section) return;
  read_milliseconds(*section, "hedge_ms", options.hedge_delay, 10, 10'000);
  read_milliseconds(*section, "handshake_silence_ms", options.handshake_silence, 50, 15'000);
  read_milliseconds(*section, "late_dns_ms", options.late_dns_wait, 0, 5'000);
  read_milliseconds(*section, "total_budget_ms", options.total_budget, 500, 120'000);
  if (const auto value = section->integer("first_expiry_s", 1, 86'400))
    options.first_expiry = seconds(*value);
  options.background_probes = section->boolean("background_probes").value_or(options.background_probes);
  if (const auto url = section->string("captive_probe")) {
    options.captive_probe = parse_captive_probe(*url);
    if (!options.captive_probe && !url->empty())
      section->fail("captive_probe", "'captive_probe' must be an http:// address, or empty to ask nobody");
  }
  options.evasion = section->boolean("evasion").value_or(options.evasion);
  section->finish();
}

void read_capture(TomlReader& root, CaptureOptions& capture) {
  auto section = root.table("capture");
  if (!section) return;
  capture.enabled = section->boolean("enabled").value_or(capture.enabled);
  capture.lan = section->strings("lan").value_or(capture.lan);
  for (const auto& name : capture.lan)
    if (!valid_interface(name)) section->fail("lan", "'" + name + "' is no name of a network interface");
  capture.except = section->strings("except").value_or(capture.except);
  for (const auto& range : capture.except)
    if (!NetworkRange::parse(range)) section->fail("except", "'" + range + "' is no address and no range");
  capture.except_users = section->strings("except_users").value_or(capture.except_users);
  for (const auto& user : capture.except_users)
    if (!valid_user(user)) section->fail("except_users", "'" + user + "' is no user's name");
  section->finish();
}

// What a file may name besides itself is looked at only when it is about to be used.
enum class NamedFiles { ignored, checked };

void read_lists(TomlReader& root, const std::filesystem::path& file, NamedFiles named,
                ClientOptions& options) {
  if (const auto patterns = root.strings("sensitive")) {
    for (const auto& pattern : *patterns) check_pattern(root, "sensitive", pattern);
    options.sensitive = *patterns;
  }
  if (named == NamedFiles::ignored) {
    (void)root.strings("block_pages");
    (void)root.strings("services");
    return;
  }
  for (const auto& list : read_list_files(root, "block_pages", file))
    extend_block_pages(options.block_pages, list.text, list.name);
  for (const auto& list : read_list_files(root, "services", file))
    extend_services(options.services, list.text, list.name);
}

ClientOptions read(std::string_view toml, const std::filesystem::path& file, NamedFiles named) {
  auto root = TomlReader::parse(toml, file.filename().string());
  ClientOptions options = default_client_options();
  if (const auto listen = root.strings("listen")) {
    options.listen.clear();
    for (const auto& text : *listen) options.listen.push_back(listen_address(root, "listen", text));
    if (options.listen.empty()) root.fail("listen", "'listen' must hold at least one address");
  }
  read_state_dir(root, file, options.state_dir);
  read_log_level(root, options.log_level);
  if (const auto ca = root.string("extra_ca_file"); ca && !ca->empty()) {
    options.extra_ca_file = (file.parent_path() / *ca).string();
    if (named == NamedFiles::checked) check_certificates(root, "extra_ca_file", options.extra_ca_file);
  }
  if (const auto choice = root.string("on_tunnel_down")) {
    if (*choice != "closed" && *choice != "direct")
      root.fail("on_tunnel_down", "'on_tunnel_down' must be closed or direct, not '" + *choice + "'");
    options.on_tunnel_down = *choice == "direct" ? OnTunnelDown::direct : OnTunnelDown::fail_closed;
  }
  if (auto auth = root.table("auth")) {
    auto user = auth->required_string("user");
    auto password = auth->required_string("password");
    // SOCKS5 carries each in one length byte (RFC 1929); HTTP Basic ends the name at its colon (RFC 7617).
    if (user.empty() || user.size() > 255 || user.find(':') != user.npos)
      auth->fail("user", "'user' must have 1 to 255 characters and no colon");
    if (password.empty() || password.size() > 255)
      auth->fail("password", "'password' must have 1 to 255 characters");
    auth->finish();
    options.auth.emplace(std::move(user), std::move(password));
  }
  for (auto section : root.tables("bridge")) options.bridges.push_back(read_bridge(section));
  read_doh(root, options);
  read_rules(root, options);
  read_lists(root, file, named, options);
  read_detection(root, options);
  read_capture(root, options.capture);
  root.finish();
  return options;
}

Result<ClientOptions> parse(std::string_view toml, const std::string& file_name, NamedFiles named,
                            std::string& why) {
  try {
    return read(toml, file_name, named);
  } catch (const ConfigError& e) {
    why = e.what();
    return make_error_code(Errc::bad_input);
  }
}

// Adds `text` at the end when the file, with it, still reads; otherwise the file stays as it was.
Result<void> append(const std::filesystem::path& file, const std::string& text, std::string& why) {
  auto content = read_file(file);
  if (!content && content.error() != boost::system::errc::no_such_file_or_directory) {
    why = "cannot read " + file.string() + ": " + content.error().message();
    return content.error();
  }
  std::string whole = content ? std::move(*content) : std::string{};
  if (!whole.empty() && !whole.ends_with('\n')) whole += '\n';
  if (!whole.empty()) whole += '\n';
  whole += text;
  if (auto read_back = parse_client_config(whole, file.string(), why); !read_back) return read_back.error();
  auto written = write_private_file(file, whole);
  if (!written) why = "cannot write " + file.string() + ": " + written.error().message();
  return written;
}

}  // namespace

std::optional<RuleAction> parse_rule_action(std::string_view text) {
  for (const auto& [name, action] : kActions)
    if (name == text) return action;
  return std::nullopt;
}

std::string_view to_string(RuleAction action) {
  for (const auto& [name, value] : kActions)
    if (value == action) return name;
  return "";
}

bool valid_rule_pattern(std::string_view pattern) {
  if (NetworkRange::parse(pattern)) return true;
  if (pattern.starts_with("*."))
    pattern.remove_prefix(2);
  else if (pattern.starts_with('='))
    pattern.remove_prefix(1);
  const auto name = Endpoint::make(pattern, 1);
  return name && !name->address();
}

bool valid_interface(std::string_view name) {
  return only_of(name, "._-@", 15) && name.front() != '-' && name != "." && name != "..";
}

Result<ClientOptions> parse_client_config(std::string_view toml, const std::string& file_name,
                                          std::string& why) {
  return parse(toml, file_name, NamedFiles::ignored, why);
}

Result<ClientOptions> load_client_config(const std::filesystem::path& file, std::string& why) {
  const auto content = read_file(file);
  if (!content) {
    why = file.string() + ": " + content.error().message();
    return content.error();
  }
  return parse(*content, file.string(), NamedFiles::checked, why);
}

Result<ClientOptions> client_options_without_file(const std::filesystem::path& file, std::string& why) {
  return parse({}, file.string(), NamedFiles::checked, why);
}

ClientOptions default_client_options() {
  using boost::asio::ip::make_address;
  ClientOptions options;
  options.listen = {{make_address("127.0.0.1"), 1080}, {make_address("::1"), 1080}};
  options.state_dir = default_state_dir("client");
  options.block_pages = shipped_block_pages();
  options.services = shipped_services();
  options.captive_probe = CaptiveProbe{"connectivitycheck.gstatic.com", 80, "/generate_204"};
  options.doh = {
      {"Cloudflare",
       "cloudflare-dns.com",
       "/dns-query",
       {"1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001"},
       443},
      {"Google",
       "dns.google",
       "/dns-query",
       {"8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"},
       443},
      {"Quad9",
       "dns.quad9.net",
       "/dns-query",
       {"9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9"},
       443},
  };
  return options;
}

std::filesystem::path default_client_config_path() {
  return default_config_dir() / "client.toml";
}

Result<void> append_bridges(const std::filesystem::path& file, const std::vector<ShareLink>& links,
                            std::string& why) {
  std::string text;
  for (const auto& link : links) {
    if (!text.empty()) text += '\n';
    text += "[[bridge]]\n";
    text += link.foreign ? "line = " + toml_quoted(format_bridge_line(link))
                         : "link = " + toml_quoted(format_share_link(link));
    text += '\n';
  }
  return append(file, text, why);
}

Result<void> append_rule(const std::filesystem::path& file, const Rule& rule, std::string& why) {
  return append(file,
                "[[rule]]\naction = " + toml_quoted(to_string(rule.action)) +
                    "\npattern = " + toml_quoted(rule.pattern) + "\n",
                why);
}

}  // namespace surang::config
