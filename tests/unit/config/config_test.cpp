// client.toml and bridge.toml.
#include <doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/bridge_config.hpp"
#include "config/client_config.hpp"
#include "config/network_range.hpp"
#include "config/private_file.hpp"
#include "tests/support/temporary_dir.hpp"
#include "tests/support/tls_server.hpp"

using namespace surang;
using namespace surang::config;

namespace {

std::string client_error(std::string_view toml) {
  std::string why;
  CHECK(parse_client_config(toml, "client.toml", why).has_error());
  return why;
}

std::string bridge_error(std::string_view toml) {
  std::string why;
  CHECK(parse_bridge_config(toml, "bridge.toml", why).has_error());
  return why;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

std::string source_file(const std::string& name) {
  std::ifstream in(std::filesystem::path(SURANG_SOURCE_DIR) / name);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

}  // namespace

TEST_CASE("an empty client file is the defaults, and so is the example") {
  std::string why;
  const auto defaults = default_client_options();
  for (const auto& text : {std::string{}, source_file("config/client.example.toml")}) {
    const auto options = parse_client_config(text, "client.toml", why);
    REQUIRE_MESSAGE(options.has_value(), why);
    CHECK((options->listen == defaults.listen));
    CHECK((options->state_dir == defaults.state_dir));
    CHECK((options->log_level == defaults.log_level));
    CHECK((options->on_tunnel_down == defaults.on_tunnel_down));
    CHECK(options->extra_ca_file.empty());
    CHECK((options->doh == defaults.doh));
    CHECK(options->bridges.empty());
    CHECK(options->rules.empty());
    CHECK((options->hedge_delay == defaults.hedge_delay));
    CHECK((options->handshake_silence == defaults.handshake_silence));
    CHECK((options->late_dns_wait == defaults.late_dns_wait));
    CHECK((options->total_budget == defaults.total_budget));
    CHECK((options->first_expiry == defaults.first_expiry));
    CHECK((options->background_probes == defaults.background_probes));
    CHECK(options->sensitive.empty());
    CHECK((options->block_pages == defaults.block_pages));
    CHECK((options->services == defaults.services));
    CHECK((options->captive_probe == defaults.captive_probe));
    CHECK((options->evasion == defaults.evasion));
    CHECK((options->capture == defaults.capture));
  }
}

TEST_CASE("client settings are read") {
  std::string why;
  const auto options = parse_client_config(R"(
listen = ["127.0.0.1:0"]
state_dir = "state"
on_tunnel_down = "direct"
[auth]
user = "me"
password = "p:w"
[[rule]]
action = "never"
pattern = "*.ads.example"
[[rule]]
action = "always-direct"
pattern = "10.0.0.0/8"
[[doh]]
host = "doh.test"
addresses = ["192.0.2.1"]
port = 8443
[detection]
hedge_ms = 100
background_probes = false
captive_probe = ""
evasion = false
[capture]
enabled = true
lan = ["br-lan", "eth1.7"]
except = ["203.0.113.0/24", "2001:db8::1"]
except_users = ["tor"]
)",
                                           "/etc/surang/client.toml", why);
  REQUIRE_MESSAGE(options.has_value(), why);
  CHECK((options->listen.size() == 1));
  CHECK((options->state_dir == "/etc/surang/state"));
  CHECK((options->on_tunnel_down == OnTunnelDown::direct));
  CHECK((options->auth == std::pair<std::string, std::string>("me", "p:w")));
  CHECK((options->rules ==
         std::vector<Rule>{{RuleAction::never, "*.ads.example"}, {RuleAction::always_direct, "10.0.0.0/8"}}));
  REQUIRE(options->doh.size() == 1);
  CHECK((options->doh[0].name == "doh.test"));
  CHECK((options->doh[0].port == 8443));
  CHECK((options->hedge_delay == std::chrono::milliseconds(100)));
  CHECK(!options->background_probes);
  CHECK(!options->evasion);
  CHECK((options->capture ==
         CaptureOptions{true, {"br-lan", "eth1.7"}, {"203.0.113.0/24", "2001:db8::1"}, {"tor"}}));
  CHECK(!options->captive_probe);
}

TEST_CASE("what is captured is told by names and ranges that no rule can be made of") {
  for (const auto* name : {"eth0", "br-lan", "wlan0.12", "veth1@if2", "x"})
    CHECK_MESSAGE(valid_interface(name), name);
  for (const auto* name : {"", "a name", "eth0\" accept", "sixteen-letters0", "-x", ".", "..", "a/b", "*"})
    CHECK_MESSAGE(!valid_interface(name), name);
  for (const auto* line : {"lan = [\"a b\"]", "except = [\"example.com\"]", "except_users = [\"-\"]",
                           "except_users = [\"a;b\"]", "enabled = 1", "lans = []"}) {
    std::string why;
    CHECK_MESSAGE(!parse_client_config(std::string("[capture]\n") + line, "client.toml", why), line);
    CHECK_MESSAGE(why.starts_with("client.toml:2: "), why);
  }
}

TEST_CASE("the page that tells a captive portal is a plain address") {
  CHECK((parse_captive_probe("http://probe.example/generate_204") ==
         CaptiveProbe{"probe.example", 80, "/generate_204"}));
  CHECK((parse_captive_probe("http://Probe.Example:8080") == CaptiveProbe{"probe.example", 8080, "/"}));
  CHECK((parse_captive_probe("http://[2a00:93::1]/a?b") == CaptiveProbe{"2a00:93::1", 80, "/a?b"}));
  for (const auto* url : {"", "probe.example", "https://probe.example/", "http://", "http:///a",
                          "http://a b/", "http://me@probe.example/", "http://a.example/ HTTP/1.1",
                          "http://a.example/\r\n", "http://a.example:0/", "http://a.example/#b"})
    CHECK_MESSAGE(!parse_captive_probe(url), url);
  CHECK(client_error("[detection]\ncaptive_probe = \"https://a.example\"") ==
        "client.toml:2: 'captive_probe' must be an http:// address, or empty to ask nobody");
}

TEST_CASE("errors name the file, the line and the remedy") {
  CHECK(client_error("\n\nlisten = 5") == "client.toml:3: 'listen' must be a list of texts, [\"…\", \"…\"]");
  CHECK(client_error("[detection]\nhegde_ms = 1") ==
        "client.toml:2: unknown key 'hegde_ms', did you mean 'hedge_ms'?");
  CHECK(client_error("[detection]\nhedge_ms = 1") ==
        "client.toml:2: 'hedge_ms' must be from 10 to 10000, not 1");
  CHECK(client_error("zzzzzzzz = 1") == "client.toml:1: unknown key 'zzzzzzzz'");
  CHECK(has(client_error("a = \n"), "client.toml:1: "));
  CHECK(has(client_error("listen = [\"localhost:1\"]"), "'localhost:1'"));
  CHECK(has(client_error("listen = []"), "at least one"));
  CHECK(has(client_error("[[bridge]]\nlink = \"surang://x\""), "client.toml:2: not a usable link: "));
  CHECK(has(client_error("[[bridge]]\n"), "'link' is missing"));
  CHECK(has(client_error("[bridge]\nlink = \"\""), "[[bridge]]"));
  CHECK(has(client_error("[[rule]]\naction = \"block\"\npattern = \"a.b\""), "always-tunnel"));
  CHECK(has(client_error("[[rule]]\naction = \"never\"\npattern = \"a..b\""),
            "client.toml:3: 'a..b' is no pattern"));
  CHECK(has(client_error("[[doh]]\nhost = \"doh.test\""), "'addresses'"));
  CHECK(has(client_error("[auth]\nuser = \"a:b\"\npassword = \"x\""), "colon"));
  CHECK(has(client_error("log_level = \"loud\""), "'loud'"));
}

TEST_CASE("a mistyped key that must be there is named, with its line") {
  CHECK(client_error("[auth]\nuser = \"me\"\npasword = \"x\"") ==
        "client.toml:3: unknown key 'pasword', did you mean 'password'?");
  CHECK(client_error("[[bridge]]\nlinks = \"surang://x\"") ==
        "client.toml:2: unknown key 'links', did you mean 'link'?");
  CHECK(client_error("[[rule]]\naction = \"never\"\npatern = \"a.b\"") ==
        "client.toml:3: unknown key 'patern', did you mean 'pattern'?");
  CHECK(client_error("[[doh]]\nhost = \"doh.test\"\nadresses = []") ==
        "client.toml:3: unknown key 'adresses', did you mean 'addresses'?");
  CHECK(bridge_error("hots = [\"a.b\"]\ncover = \"a.b\"") ==
        "bridge.toml:1: unknown key 'hots', did you mean 'hosts'?");
  CHECK(bridge_error("hosts = [\"a.b\"]\ncovr = \"a.b\"") ==
        "bridge.toml:2: unknown key 'covr', did you mean 'cover'?");
  CHECK(bridge_error("hosts = [\"a.b\"]\ncover = \"a.b\"\n[[listen]]\nadress = \"1.2.3.4:1\"") ==
        "bridge.toml:4: unknown key 'adress', did you mean 'address'?");
  // What is merely like it and has its own meaning is not taken for it.
  CHECK(has(client_error("[[doh]]\nport = 8443\naddresses = [\"192.0.2.1\"]"), "'host' is missing"));
}

TEST_CASE("certificates are looked at when the file is loaded") {
  const test::TemporaryDir dir;
  const auto file = dir.path / "client.toml";
  std::ofstream(file) << "log_level = \"info\"\nextra_ca_file = \"extra.pem\"\n";
  const auto refused = [&] {
    std::string why;
    const auto loaded = load_client_config(file, why);
    CHECK(loaded.has_error());
    if (loaded.has_error()) CHECK(loaded.error() == Errc::bad_input);
    CHECK_MESSAGE(why.starts_with("client.toml:2: 'extra_ca_file': "), why);
    return why;
  };
  CHECK(has(refused(), "there is no file " + (dir.path / "extra.pem").string()));
  std::filesystem::create_directory(dir.path / "extra.pem");
  CHECK(has(refused(), "there is no file"));
  std::filesystem::remove(dir.path / "extra.pem");
  std::ofstream(dir.path / "extra.pem") << "nothing of the kind\n";
  CHECK(has(refused(), "no certificate"));
  std::ofstream(dir.path / "extra.pem") << test::make_tls_server("doh.test").certificate_pem;
  std::string why;
  const auto loaded = load_client_config(file, why);
  REQUIRE_MESSAGE(loaded.has_value(), why);
  CHECK((loaded->extra_ca_file == (dir.path / "extra.pem").string()));
  // A text alone touches no file.
  CHECK(parse_client_config("extra_ca_file = \"/nowhere.pem\"", "client.toml", why).has_value());
}

TEST_CASE("a bridge's file is read, written, and its example is true") {
  std::string why;
  const auto options = parse_bridge_config(source_file("config/bridge.example.toml"), "bridge.toml", why);
  REQUIRE_MESSAGE(options.has_value(), why);
  const auto defaults = default_bridge_options();
  CHECK((options->workers == defaults.workers));
  CHECK((options->max_handshakes_per_address == defaults.max_handshakes_per_address));
  CHECK((options->max_sessions_per_user == defaults.max_sessions_per_user));
  CHECK((options->log_level == defaults.log_level));
  CHECK((options->state_dir == defaults.state_dir));
  CHECK((options->cover == Endpoint("www.example.org", 443)));
  const auto again = parse_bridge_config(format_bridge_config(*options), "bridge.toml", why);
  REQUIRE_MESSAGE(again.has_value(), why);
  CHECK((again->hosts == options->hosts));
  CHECK((again->listeners == options->listeners));
  CHECK((again->state_dir == std::filesystem::absolute(options->state_dir)));
}

TEST_CASE("a bad bridge file is refused") {
  CHECK(has(bridge_error("cover = \"a.b\""), "'hosts'"));
  CHECK(has(bridge_error("hosts = [\"a.b\"]"), "'cover' is missing"));
  CHECK(has(bridge_error("hosts = [\"a.b\"]\ncover = \"a.b\""), "[[listen]]"));
  CHECK(
      has(bridge_error(
              "hosts = [\"a.b\"]\ncover = \"a.b\"\n[[listen]]\naddress = \"1.2.3.4:1\"\ntransport = \"ftp\""),
          "bridge.toml:5: "));
  const std::string listener = "hosts = [\"a.b\"]\ncover = \"a.b\"\n[[listen]]\naddress = \"1.2.3.4:1\"\n";
  CHECK(has(bridge_error(listener + "transport = \"obfs4\"\niat_mode = 3"), "bridge.toml:6: 'iat_mode'"));
  CHECK(has(bridge_error(listener + "iat_mode = 1"), "bridge.toml:5: "));  // https has none
  CHECK(has(bridge_error("hosts = [\"a.b\"]\ncover = \"1.2.3.4\""), "'sni'"));
  CHECK(has(bridge_error("hosts = [\"a.b\"]\ncover = \"a.b\"\nallow_egress = [\"10.0.0.0/33\"]"),
            "10.0.0.0/33"));
}

TEST_CASE("appending keeps what is there and never leaves a broken file") {
  const test::TemporaryDir dir;
  const auto file = dir.path / "sub" / "client.toml";
  std::string why;
  REQUIRE(append_rule(file, {RuleAction::never, "ads.example"}, why).has_value());
  std::ofstream(file, std::ios::app) << "# mine";
  REQUIRE(append_rule(file, {RuleAction::always_tunnel, "x.com"}, why).has_value());
  CHECK(has(read_file(file).value(), "# mine\n"));
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms(0777)) ==
        std::filesystem::perms(0600));
  CHECK(load_client_config(file, why).value().rules.size() == 2);
  const auto before = read_file(file).value();
  CHECK(append_rule(file, {RuleAction::never, "not a pattern\""}, why).has_error());
  CHECK(read_file(file).value() == before);
  CHECK(load_client_config(dir.path / "none.toml", why).error() ==
        boost::system::errc::no_such_file_or_directory);
}

TEST_CASE("a bridge may be given by a bridge line, if it says what stands behind") {
  const std::string line =
      "obfs4 192.0.2.1:443 cert=AAECAwQFBgcICQoLDA0ODxAREhMgISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw";
  const std::string section = "[[bridge]]\nline = \"" + line;
  std::string why;
  const auto options = parse_client_config(section + " behind=socks5\"\n", "client.toml", why);
  REQUIRE_MESSAGE(options.has_value(), why);
  REQUIRE(options->bridges.size() == 1);
  CHECK(options->bridges[0].foreign);
  CHECK(has(client_error(section + "\"\n"), "client.toml:2: a Tor bridge speaks nothing but Tor"));
  CHECK(has(client_error("[[bridge]]\nline = \"obfs4 x\"\n"),
            "client.toml:2: not a usable bridge line: the address"));
  CHECK(has(client_error(section + " behind=socks5\"\nlink = \"surang://x\"\n"), "client.toml:3: "));
  const test::TemporaryDir dir;
  ShareLink ours;
  ours.bridge.hosts = {"192.0.2.1"};
  ours.transports.emplace_back().name = "https";
  REQUIRE_MESSAGE(append_bridges(dir.path / "client.toml", {options->bridges[0], ours}, why).has_value(),
                  why);
  const auto loaded = load_client_config(dir.path / "client.toml", why);
  REQUIRE_MESSAGE(loaded.has_value(), why);
  CHECK((loaded->bridges == std::vector<ShareLink>{options->bridges[0], ours}));
}

TEST_CASE("several bridges are added at once, and what cannot be written is said") {
  const test::TemporaryDir dir;
  const auto file = dir.path / "client.toml";
  std::string why;
  ShareLink first;
  first.bridge.hosts = {"192.0.2.1"};
  first.transports.emplace_back().name = "https";
  auto second = first;
  second.bridge.hosts = {"192.0.2.2"};
  REQUIRE_MESSAGE(append_bridges(file, {first, second}, why).has_value(), why);
  const auto loaded = load_client_config(file, why);
  REQUIRE_MESSAGE(loaded.has_value(), why);
  CHECK((loaded->bridges == std::vector<ShareLink>{first, second}));

  std::ofstream(dir.path / "in the way") << "";
  why.clear();
  CHECK(append_bridges(dir.path / "in the way" / "client.toml", {first}, why).has_error());
  CHECK_MESSAGE(has(why, "in the way/client.toml: "), why);
  std::ofstream(file) << "nonsense = 1\n";
  CHECK(append_rule(file, {RuleAction::never, "a.b"}, why).error() == Errc::bad_input);
  CHECK(has(why, "client.toml:1: "));
}

TEST_CASE("network ranges") {
  const auto range = NetworkRange::parse("10.16.0.0/12");
  REQUIRE(range);
  CHECK(range->contains(boost::asio::ip::make_address("10.31.255.255")));
  CHECK(!range->contains(boost::asio::ip::make_address("10.32.0.0")));
  CHECK(!range->contains(boost::asio::ip::make_address("::ffff:10.16.0.1")));
  CHECK(NetworkRange::parse("2001:db8::/32")->contains(boost::asio::ip::make_address("2001:db8:1::1")));
  CHECK(NetworkRange::parse("0.0.0.0/0")->contains(boost::asio::ip::make_address("1.2.3.4")));
  for (const auto* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/-1", "::/129"})
    CHECK_MESSAGE(!NetworkRange::parse(bad), bad);
}

TEST_CASE("a fronted listener and its fronts are read, and written again") {
  const std::string text = R"(hosts = ["192.0.2.1"]
cover = "a.b"
[[listen]]
address = "127.0.0.1:8080"
transport = "fronted"
edges = ["10.0.0.0/8", "::1"]
certificate = "tls/origin.pem"
key = "/etc/origin.key"
[[front]]
host = "cdn.example"
[[front]]
host = "bridge.example"
port = 8443
sni = "none"
verify = "front.example"
at = ["192.0.2.7", "2001:db8::7"]
path = "/media"
)";
  std::string why;
  const auto options = parse_bridge_config(text, "/srv/bridge.toml", why);
  REQUIRE_MESSAGE(options.has_value(), why);
  const auto& listener = options->listeners.at(0);
  CHECK((listener.edges == std::vector<std::string>{"10.0.0.0/8", "::1"}));
  CHECK(listener.certificate == "/srv/tls/origin.pem");
  CHECK(listener.key == "/etc/origin.key");
  REQUIRE(options->fronts.size() == 2);
  CHECK(options->fronts[0].sni == "cdn.example");
  CHECK(options->fronts[1].sni.empty());
  CHECK(options->fronts[1].verified == "front.example");
  CHECK((options->fronts[1].addresses == std::vector<std::string>{"192.0.2.7", "2001:db8::7"}));
  CHECK(options->fronts[1].authority() == "bridge.example:8443");
  const auto again = parse_bridge_config(format_bridge_config(*options), "/srv/bridge.toml", why);
  REQUIRE_MESSAGE(again.has_value(), why);
  CHECK((again->listeners == options->listeners));
  CHECK((again->fronts == options->fronts));
}

TEST_CASE("what does not fit in a fronted listener or a front is named at its line") {
  const std::string head = "hosts = [\"a.b\"]\ncover = \"a.b\"\n";
  const std::string listener = "[[listen]]\naddress = \"1.2.3.4:1\"\ntransport = \"fronted\"\n";
  const std::string front = "[[front]]\nhost = \"cdn.example\"\n";
  CHECK(has(bridge_error(head + listener), "needs a [[front]] section"));
  CHECK(has(bridge_error(head + "[[listen]]\naddress = \"1.2.3.4:1\"\n" + front), "transport = \"fronted\""));
  CHECK(has(bridge_error(head + listener + "edges = [\"10.0.0.0/33\"]\n" + front), "bridge.toml:6: "));
  CHECK(has(bridge_error(head + listener + "key = \"k.pem\"\n" + front), "bridge.toml:6: 'certificate' and"));
  CHECK(has(bridge_error(head + listener + "certificate = \"\"\n" + front), "must name a file"));
  CHECK(has(bridge_error(head + listener + "iat_mode = 1\n" + front), "bridge.toml:6: "));
  CHECK(has(bridge_error(head + listener + "[[front]]\nsni = \"cdn.example\"\n"), "'host' is missing"));
  CHECK(
      has(bridge_error(head + listener + "[[front]]\nhost = \"c d\"\n"), "bridge.toml:7: fronted: host=c d"));
  CHECK(has(bridge_error(head + listener + front + "path = \"media\"\n"), "path=media"));
  CHECK(has(bridge_error(head + listener + front + "port = 70000\n"), "bridge.toml:8: 'port'"));
}
