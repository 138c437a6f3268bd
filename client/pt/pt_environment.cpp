#include "client/pt/pt_environment.hpp"

#include <algorithm>
#include <set>

#include "client/app.hpp"

namespace surang::client::pt {
namespace {

using boost::asio::ip::tcp;

constexpr std::string_view kVersion = "1";

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

bool lists(std::string_view text, std::string_view word) {
  return std::ranges::count(split(text), word) > 0;
}

std::optional<tcp::endpoint> endpoint_of(std::string_view text) {
  const auto parsed = Endpoint::parse(text);
  if (!parsed || !parsed->address()) return std::nullopt;
  return tcp::endpoint(*parsed->address(), parsed->port());
}

// Reads on after a mistake; the first one is what is told.
class Reader {
 public:
  Reader(const std::function<std::optional<std::string>(const char*)>& variable, Setup& out)
      : variable_(variable), out_(out) {}

  void say(std::string line) {
    if (out_.status == kOk) out_.lines.push_back(std::move(line));
  }
  void refuse(std::string_view keyword, std::string_view text, int status = kConfig) {
    say(protocol_line(keyword, text));
    if (out_.status == kOk) out_.status = status;
  }
  void env_error(std::string_view text) { refuse("ENV-ERROR", text); }

  std::string get(const char* name) const { return variable_(name).value_or(""); }

  std::string require(const char* name, int status_without = kConfig) {
    auto value = get(name);
    if (value.empty())
      refuse("ENV-ERROR", std::string("no ") + name + " environment variable", status_without);
    return value;
  }

  std::optional<tcp::endpoint> address(const char* name) {
    const auto text = get(name);
    if (text.empty()) return std::nullopt;
    auto parsed = endpoint_of(text);
    if (parsed && parsed->port() != 0) return parsed;
    env_error(std::string(name) + ": \"" + text + "\" is not ADDRESS:PORT");
    return std::nullopt;
  }

 private:
  const std::function<std::optional<std::string>(const char*)>& variable_;
  Setup& out_;
};

template <class Address>
std::optional<Address> source_address(Reader& env, const char* name) {
  auto text = env.get(name);
  if (text.empty()) return std::nullopt;
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  const auto parsed = address_literal(text);
  if constexpr (std::is_same_v<Address, boost::asio::ip::address_v4>) {
    if (parsed && parsed->is_v4()) return parsed->to_v4();
  } else {
    if (parsed && parsed->is_v6()) return parsed->to_v6();
  }
  env.env_error(std::string(name) + ": \"" + text + "\" is no such address");
  return std::nullopt;
}

ClientSetup read_client(Reader& env) {
  ClientSetup out;
  out.wanted = lists(env.get("TOR_PT_CLIENT_TRANSPORTS"), kTransport);
  out.from_v4 = source_address<boost::asio::ip::address_v4>(env, "TOR_PT_OUTBOUND_BIND_ADDRESS_V4");
  out.from_v6 = source_address<boost::asio::ip::address_v6>(env, "TOR_PT_OUTBOUND_BIND_ADDRESS_V6");
  const auto uri = env.get("TOR_PT_PROXY");
  if (uri.empty()) return out;
  std::string why;
  auto proxy = parse_outer_proxy(uri, why);
  if (!proxy) {
    env.refuse("PROXY-ERROR", why);
    return out;
  }
  out.proxy = std::move(*proxy);
  env.say("PROXY DONE");
  return out;
}

// Where TOR_PT_SERVER_BINDADDR wants us; it is read whole, since a mistake in another's entry may be one in
// the way it is written.
tcp::endpoint bind_address(Reader& env) {
  tcp::endpoint out(tcp::v4(), 0);
  const auto text = env.get("TOR_PT_SERVER_BINDADDR");
  if (text.empty()) return out;
  std::set<std::string_view> seen;
  for (const auto entry : split(text)) {
    const auto quoted = "TOR_PT_SERVER_BINDADDR: \"" + std::string(entry) + '"';
    const auto dash = entry.find('-');
    const auto at = dash == entry.npos ? std::nullopt : endpoint_of(entry.substr(dash + 1));
    const auto name = entry.substr(0, dash);
    if (!at)
      env.env_error(quoted + " is not TRANSPORT-ADDRESS:PORT");
    else if (!seen.insert(name).second)
      env.env_error(quoted + ": the transport has an address already");
    else if (name == kTransport)
      out = *at;
  }
  return out;
}

ServerSetup read_server(Reader& env) {
  ServerSetup out;
  out.wanted = lists(env.get("TOR_PT_SERVER_TRANSPORTS"), kTransport);
  out.listen = bind_address(env);
  auto options = parse_server_options(env.get("TOR_PT_SERVER_TRANSPORT_OPTIONS"), kTransport);
  if (options)
    out.options = std::move(*options);
  else  // its values may be keys, so it is not quoted
    env.env_error("TOR_PT_SERVER_TRANSPORT_OPTIONS is not TRANSPORT:KEY=VALUE;...");
  out.or_port = env.address("TOR_PT_ORPORT");
  out.extended_port = env.address("TOR_PT_EXTENDED_SERVER_PORT");
  out.cookie_file = env.get("TOR_PT_AUTH_COOKIE_FILE");
  if (out.extended_port && out.cookie_file.empty())
    env.env_error("no TOR_PT_AUTH_COOKIE_FILE when TOR_PT_EXTENDED_SERVER_PORT set");
  if (!out.or_port && !out.extended_port)
    env.env_error("no TOR_PT_ORPORT or TOR_PT_EXTENDED_SERVER_PORT environment variable");
  return out;
}

}  // namespace

std::string protocol_line(std::string_view keyword, std::string_view text) {
  std::string out(keyword);
  out += ' ';
  for (const char c : text) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

Setup read_environment(const std::function<std::optional<std::string>(const char*)>& variable) {
  Setup out;
  Reader env(variable, out);
  const auto versions = env.require("TOR_PT_MANAGED_TRANSPORT_VER", kUsage);
  if (!lists(versions, kVersion)) env.refuse("VERSION-ERROR", "no-version");
  env.say(protocol_line("VERSION", kVersion));
  out.state_dir = env.require("TOR_PT_STATE_LOCATION");
  out.exit_on_stdin_close = env.get("TOR_PT_EXIT_ON_STDIN_CLOSE") == "1";
  const bool client = !env.get("TOR_PT_CLIENT_TRANSPORTS").empty();
  const bool server = !env.get("TOR_PT_SERVER_TRANSPORTS").empty();
  if (client && server)
    env.env_error("both TOR_PT_CLIENT_TRANSPORTS and TOR_PT_SERVER_TRANSPORTS set");
  else if (client)
    out.role = read_client(env);
  else if (server)
    out.role = read_server(env);
  else
    env.env_error("no TOR_PT_CLIENT_TRANSPORTS or TOR_PT_SERVER_TRANSPORTS environment variable");
  return out;
}

}  // namespace surang::client::pt
