#include "client/pt/pt_environment.hpp"

#include <doctest.h>

#include <map>

#include "client/app.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::pt;

namespace {

using Variables = std::map<std::string, std::string>;
using PtLines = std::vector<std::string>;

Variables with(Variables base, const Variables& more) {
  for (const auto& [name, value] : more) base["TOR_PT_" + name] = value;
  return base;
}

Setup read(const Variables& variables) {
  return read_environment([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

const Variables kClient = with({}, {{"MANAGED_TRANSPORT_VER", "1"},
                                    {"STATE_LOCATION", "/var/lib/tor/pt_state/"},
                                    {"CLIENT_TRANSPORTS", "obfs2,obfs4"}});
const Variables kServer = with({}, {{"MANAGED_TRANSPORT_VER", "1,1a,2b,this_is_a_valid_ver"},
                                    {"STATE_LOCATION", "/var/lib/tor/pt_state/"},
                                    {"SERVER_TRANSPORTS", "obfs4"},
                                    {"SERVER_BINDADDR", "obfs3-198.51.100.1:1984,obfs4-127.0.0.1:4891"},
                                    {"ORPORT", "127.0.0.1:9001"}});

// The last line, of a setup that ends there.
std::string last(const Variables& base, const Variables& more) {
  const auto setup = read(with(base, more));
  CHECK(setup.status == kConfig);
  return setup.lines.back();
}

}  // namespace

TEST_CASE("a client's environment") {
  auto setup = read(kClient);
  CHECK(setup.status == kOk);
  CHECK(setup.lines == PtLines{"VERSION 1"});
  CHECK(setup.state_dir == "/var/lib/tor/pt_state/");
  CHECK_FALSE(setup.exit_on_stdin_close);
  CHECK(std::get<ClientSetup>(setup.role).wanted);
  CHECK_FALSE(std::get<ClientSetup>(setup.role).proxy);

  setup = read(with(kClient, {{"EXIT_ON_STDIN_CLOSE", "1"},
                              {"PROXY", "socks5://tor:test1234@198.51.100.1:8000"},
                              {"OUTBOUND_BIND_ADDRESS_V4", "192.0.2.1"},
                              {"OUTBOUND_BIND_ADDRESS_V6", "[2001:db8::1]"}}));
  CHECK(setup.lines == PtLines{"VERSION 1", "PROXY DONE"});
  CHECK(setup.exit_on_stdin_close);
  const auto& client = std::get<ClientSetup>(setup.role);
  CHECK(client.proxy->at.port() == 8000);
  CHECK(client.from_v4->to_string() == "192.0.2.1");
  CHECK(client.from_v6->to_string() == "2001:db8::1");

  CHECK_FALSE(read(with(kClient, {{"EXIT_ON_STDIN_CLOSE", "0"}})).exit_on_stdin_close);
  CHECK_FALSE(std::get<ClientSetup>(read(with(kClient, {{"CLIENT_TRANSPORTS", "obfs5"}})).role).wanted);
}

TEST_CASE("a server's environment") {
  auto setup = read(kServer);
  CHECK(setup.status == kOk);
  CHECK(setup.lines == PtLines{"VERSION 1"});
  auto server = std::get<ServerSetup>(setup.role);
  CHECK(server.wanted);
  CHECK(server.listen.address().to_string() == "127.0.0.1");
  CHECK(server.listen.port() == 4891);
  CHECK(server.or_port->port() == 9001);
  CHECK_FALSE(server.extended_port);
  CHECK(server.options.empty());

  setup = read(with(kServer, {{"SERVER_BINDADDR", "obfs4-[::]:443"},
                              {"ORPORT", ""},
                              {"EXTENDED_SERVER_PORT", "127.0.0.1:4200"},
                              {"AUTH_COOKIE_FILE", "/var/lib/tor/extended_orport_auth_cookie"},
                              {"SERVER_TRANSPORT_OPTIONS", "obfs4:iat-mode=2"}}));
  CHECK(setup.status == kOk);
  server = std::get<ServerSetup>(setup.role);
  CHECK(server.listen.address().is_v6());
  CHECK(server.extended_port->port() == 4200);
  CHECK(server.cookie_file == "/var/lib/tor/extended_orport_auth_cookie");
  CHECK(server.options == Arguments{{"iat-mode", "2"}});
  CHECK_FALSE(server.or_port);

  server = std::get<ServerSetup>(read(with(kServer, {{"SERVER_BINDADDR", ""}})).role);
  CHECK(server.listen.address().is_unspecified());
  CHECK(server.listen.port() == 0);
}

TEST_CASE("mistakes in the environment are told in the protocol's words") {
  auto setup = read({});
  CHECK(setup.status == kUsage);
  CHECK(setup.lines == PtLines{"ENV-ERROR no TOR_PT_MANAGED_TRANSPORT_VER environment variable"});
  setup = read(with(kClient, {{"MANAGED_TRANSPORT_VER", "2,10"}, {"PROXY", "gopher://192.0.2.1:70"}}));
  CHECK(setup.status == kConfig);
  CHECK(setup.lines == PtLines{"VERSION-ERROR no-version"});
  setup = read(with(kClient, {{"PROXY", "gopher://192.0.2.1:70"}}));
  CHECK(setup.status == kConfig);
  CHECK(setup.lines ==
        PtLines{"VERSION 1", "PROXY-ERROR only socks5, socks4a and http proxies are supported"});

  CHECK(last(kClient, {{"STATE_LOCATION", ""}}) == "ENV-ERROR no TOR_PT_STATE_LOCATION environment variable");
  CHECK(last(kClient, {{"CLIENT_TRANSPORTS", ""}}) ==
        "ENV-ERROR no TOR_PT_CLIENT_TRANSPORTS or TOR_PT_SERVER_TRANSPORTS environment variable");
  CHECK(last(kClient, {{"SERVER_TRANSPORTS", "obfs4"}}) ==
        "ENV-ERROR both TOR_PT_CLIENT_TRANSPORTS and TOR_PT_SERVER_TRANSPORTS set");
  CHECK(last(kClient, {{"OUTBOUND_BIND_ADDRESS_V4", "::1"}}).starts_with("ENV-ERROR TOR_PT_OUTBOUND"));
  CHECK(last(kClient, {{"OUTBOUND_BIND_ADDRESS_V6", "here"}}).starts_with("ENV-ERROR TOR_PT_OUTBOUND"));
  for (const auto* wrong : {"obfs4", "obfs4-x.com:80", "obfs4-1.2.3.4", "obfs4-1.2.3.4:80,obfs3",
                            "obfs4-1.2.3.4:80,obfs4-1.2.3.5:80", "obfs4-1.2.3.4:66000", ","})
    CHECK(last(kServer, {{"SERVER_BINDADDR", wrong}}).starts_with("ENV-ERROR TOR_PT_SERVER_BINDADDR: \""));
  CHECK(last(kServer, {{"ORPORT", ""}}) ==
        "ENV-ERROR no TOR_PT_ORPORT or TOR_PT_EXTENDED_SERVER_PORT environment variable");
  CHECK(last(kServer, {{"ORPORT", "tor:9001"}}) ==
        "ENV-ERROR TOR_PT_ORPORT: \"tor:9001\" is not ADDRESS:PORT");
  CHECK(last(kServer, {{"EXTENDED_SERVER_PORT", "127.0.0.1:4200"}}) ==
        "ENV-ERROR no TOR_PT_AUTH_COOKIE_FILE when TOR_PT_EXTENDED_SERVER_PORT set");
  CHECK(last(kServer, {{"SERVER_TRANSPORT_OPTIONS", "obfs4:private-key"}}) ==
        "ENV-ERROR TOR_PT_SERVER_TRANSPORT_OPTIONS is not TRANSPORT:KEY=VALUE;...");
  CHECK(last(kServer, {{"ORPORT", "a\nSMETHOD x"}}).find('\n') == std::string::npos);
}
