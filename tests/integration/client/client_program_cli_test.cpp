// The commands of `surang` as a person or a program gives them: what they print, and the exit codes.
#include <doctest.h>
#include <openssl/ssl.h>

#include <boost/json/parse.hpp>
#include <csignal>
#include <fstream>

#include "client/app.hpp"
#include "config/client_config.hpp"
#include "tests/integration/client/client_program.hpp"
#include "tests/integration/client/proxy_world.hpp"
#include "tests/support/tls_server.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::test;
namespace fs = std::filesystem;
namespace json = boost::json;
using surang::asio::ip::tcp;

namespace {

// The id and the secret fill the 40 bytes that precede the '@'.
std::string bridge_link(const std::string& host, const std::string& name) {
  return "surang://AQIDBAUGBwggISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-Pw@" + host +
         "/?k=gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8&t=https:1:sni=www.example.org#" + name;
}

// Any part of the link's secret, as it stands in the link.
bool tells_secret(const Answer& answer) {
  return answer.has("ISIjJCUm") || answer.has("AQIDBAUG") || answer.has("Njc4OTo7");
}

std::size_t bridges_in(const Home& home) {
  std::string why;
  const auto options = surang::config::load_client_config(home.config(), why);
  REQUIRE_MESSAGE(options.has_value(), why);
  return options->bridges.size();
}

// A TLS site; each connection ends after the handshake.
class TlsSite {
 public:
  TlsSite() : acceptor_(io_, {surang::asio::ip::address_v4::loopback(), 0}) {
    port = std::to_string(acceptor_.local_endpoint().port());
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsSite() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
  }
  std::string port;

 private:
  void serve() {
    const auto server = make_tls_server("site.test");
    for (;;) {
      surang::error_code ec;
      auto socket = acceptor_.accept(ec);
      if (ec) return;
      const timeval limit{5, 0};
      ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(server.context.get()), SSL_free);
      SSL_set_fd(ssl.get(), socket.native_handle());
      SSL_accept(ssl.get());
    }
  }

  surang::asio::io_context io_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

std::string closed_port() {
  surang::asio::io_context io;
  const tcp::acceptor taken(io, {surang::asio::ip::address_v4::loopback(), 0});
  return std::to_string(taken.local_endpoint().port());
}

// What a program reads from `--json`: stdout is JSON and nothing else.
json::object parsed(const Answer& answer) {
  boost::system::error_code ec;
  const auto value = json::parse(answer.out, ec);
  REQUIRE_MESSAGE(!ec, answer.out);
  return value.as_object();
}

}  // namespace

TEST_CASE("surang refuses what is wrong in the right code") {
  const Home home;
  CHECK(home.ask({}).status == kUsage);
  CHECK(home.ask({"fly"}).status == kUsage);
  CHECK(home.ask({"fly"}).has("fly"));
  CHECK(home.ask({"rules", "fly"}).has("fly"));
  CHECK(home.ask({"rules"}).has("A command is required"));
  CHECK(home.ask({"--help"}).status == kOk);
  CHECK(home.ask({"--version"}).out.starts_with("surang "));
  CHECK(home.ask({"add", "surang://nonsense"}).status == kUsage);
  CHECK(home.ask({"rules", "add", "sometimes", "x.com"}).status == kUsage);
  CHECK(home.ask({"rules", "add", "never", "x com"}).status == kUsage);
  CHECK(home.ask({"why", "x com"}).status == kUsage);
  home.write("rule = [{action = \"never\", pattern = \"x.example\"}]\n");
  auto answer = home.ask({"rules", "remove", "x.example"});
  CHECK(answer.status == kConfig);
  CHECK(answer.has("only a person can change"));
  home.write("hegde = 1\n");
  CHECK(home.ask({"run"}).status == kConfig);
  home.write("extra_ca_file = \"none.pem\"\n");
  answer = home.ask({"run"});
  CHECK(answer.status == kConfig);
  CHECK(answer.has("client.toml:3: 'extra_ca_file': there is no file " + (home.dir / "none.pem").string()));
  fs::remove(home.config());
  CHECK(home.ask({"run"}).status == kConfig);
}

TEST_CASE("what cannot be written is said") {
  const Home home;
  std::ofstream(home.dir / "in the way") << "";
  for (std::vector<std::string> words : {std::vector<std::string>{"rules", "add", "never", "x.example"},
                                         {"add", bridge_link("192.0.2.1", "aunt")}}) {
    Surang command(home.dir / "in the way" / "client.toml", std::move(words), home.dir / "asked");
    CHECK(command.wait() == kUnavailable);
    CHECK_MESSAGE(command.err().find("in the way/client.toml: Not a directory") != std::string::npos,
                  command.err());
  }
}

TEST_CASE("bridges are added once, all or none, also to a running client") {
  const Home home;
  const auto aunt = bridge_link("192.0.2.1", "aunt"), work = bridge_link("192.0.2.2", "work");
  const auto friends = bridge_link("192.0.2.3", "friends");
  auto answer = home.ask({"add", aunt});
  CHECK(answer.status == kOk);
  CHECK_MESSAGE(answer.has("Added the bridge aunt (https) to "), answer.all());
  CHECK(answer.has("from the next start"));
  CHECK(bridges_in(home) == 1);
  CHECK((fs::status(home.config()).permissions() & fs::perms(077)) == fs::perms::none);

  answer = home.ask({"add", aunt});
  CHECK(answer.status == kOk);
  CHECK(answer.out == "The bridge aunt is there already.\n");
  CHECK(bridges_in(home) == 1);

  CHECK(home.ask({"add", work, "surang://nonsense"}).status == kUsage);
  CHECK(bridges_in(home) == 1);

  Surang running(home.config(), {"run"}, home.dir / "log");
  REQUIRE(running.says("listening on 127.0.0.1:"));
  answer = home.ask({"add", work, aunt, friends, work});
  CHECK(answer.status == kOk);
  CHECK_MESSAGE(answer.has("Added the bridges work (https), friends (https) to "), answer.all());
  CHECK(answer.has("uses it now"));
  CHECK(answer.has("The bridge aunt is there already."));
  CHECK(bridges_in(home) == 3);
  CHECK(parsed(home.ask({"status", "--json"})).at("bridges").as_array().size() == 3);
  CHECK(home.ask({"add", friends}).out == "The bridge friends is there already.\n");
  running.signal(SIGTERM);
  CHECK(running.wait() == kOk);
  CHECK(running.err().find("surang://") == std::string::npos);
}

TEST_CASE("a bridge line is added with what stands behind it, and refused without") {
  const Home home;
  const std::string cert = "cert=AAECAwQFBgcICQoLDA0ODxAREhMgISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw";
  auto answer = home.ask({"add", "Bridge", "obfs4", "192.0.2.1:443", cert, "iat-mode=0"});
  CHECK(answer.status == kUsage);
  CHECK_MESSAGE(answer.has("to Tor Browser, or to a tor"), answer.all());
  CHECK(answer.out.empty());
  answer = home.ask({"add", "obfs4", "192.0.2.1:443", cert, "iat-mode=0", "--behind", "socks5"});
  CHECK(answer.status == kOk);
  CHECK_MESSAGE(answer.has("Added the bridge 192.0.2.1 (obfs4) to "), answer.all());
  answer = home.ask({"add", "obfs4 192.0.2.1:443 " + cert + " iat-mode=0 behind=socks5"});
  CHECK(answer.out == "The bridge 192.0.2.1 is there already.\n");
  CHECK(bridges_in(home) == 1);
  answer = home.ask({"add", "obfs4", "192.0.2.1", cert, "--behind", "socks5"});
  CHECK(answer.status == kUsage);
  CHECK(answer.has("the address"));
  answer = home.ask({"add", "obfs4", "192.0.2.1:443", cert, "--behind", "tor"});
  CHECK(answer.status == kUsage);
  CHECK_FALSE(answer.has("AAECAwQFBgcI"));
}

TEST_CASE("no message holds a link") {
  const Home home;
  const auto good = bridge_link("192.0.2.1", "aunt");
  auto cut = good;
  cut.replace(cut.find("k=gIGC"), 6, "k=gIG");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"add", cut},
                                                {"add", cut, good},
                                                {good},
                                                {"status", good},
                                                {"run", good, good},
                                                {"add", "--link=" + good},
                                                {"rules", "add", good, "x.com"},
                                                {"rules", "add", "never", good},
                                                {"rules", "remove", good},
                                                {"why", good},
                                                {"check", good}}) {
    const auto answer = home.ask(words);
    CHECK_MESSAGE(answer.status == kUsage, answer.all());
    CHECK_FALSE(answer.err.empty());
    CHECK_FALSE_MESSAGE(tells_secret(answer), answer.all());
  }
}

TEST_CASE("a host is known however it is written") {
  const Home home;
  home.write("[[rule]]\naction = \"never\"\npattern = \"x.example\"\n");
  const auto ask_all = [&] {
    for (const auto* written : {"x.example", "X.Example", "x.example.", "x.example:443", "A.X.EXAMPLE.:80"})
      CHECK_MESSAGE(home.ask({"why", written}).has("is refused, because your rule for x.example"), written);
  };
  ask_all();
  Surang running(home.config(), {"run"}, home.dir / "log");
  REQUIRE(running.says("listening on 127.0.0.1:"));
  ask_all();
}

TEST_CASE("check --wire tells how a bridge's connection looks, and sends nothing") {
  Home home;
  CHECK(home.ask({"check", "--wire"}).status == kUsage);
  CHECK(home.ask({"check"}).status == kUsage);
  REQUIRE(home.ask({"add", bridge_link("192.0.2.1", "home")}).status == kOk);
  const auto all = json::parse(home.ask({"check", "--wire", "--json"}).out).as_array();
  REQUIRE(all.size() == 1);
  CHECK(all[0].at("ja4").as_string().starts_with("t13d"));
  CHECK(home.ask({"check", "--wire"}).has("https@home: JA4 t13d"));
}

TEST_CASE("check speaks JSON and nothing else to a program, whether the client runs or not") {
  const Home home;
  const TlsSite site;
  // A bridge that is not there makes the client complain, elsewhere.
  REQUIRE(home.ask({"add", bridge_link("127.0.0.1", "gone")}).status == kOk);
  const auto check = [&] {
    const auto good = home.ask({"check", "127.0.0.1:" + site.port, "--json"});
    CHECK(good.status == kOk);
    const auto told = parsed(good);
    CHECK(told.at("host") == "127.0.0.1");
    const auto& ways = told.at("ways").as_array();
    REQUIRE_MESSAGE(ways.size() == 2, good.out);
    CHECK(ways[0].at("way") == "direct");
    CHECK_MESSAGE(ways[0].at("works") == true, good.out);
    CHECK(ways[1].at("way") == "tunnel");
    CHECK(ways[1].at("works") == false);
    const auto refused = parsed(home.ask({"check", "127.0.0.1:" + closed_port(), "--json"}));
    CHECK(refused.at("ways").at(0).at("works") == false);
    CHECK(refused.at("ways").at(0).at("signal") == "tcp_rst");
  };
  check();
  Surang running(home.config(), {"run"}, home.dir / "log");
  REQUIRE(running.says("listening on 127.0.0.1:"));
  check();
}

TEST_CASE("a client that is stuck is named and not waited for") {
  const Home home;
  Surang running(home.config(), {"run"}, home.dir / "log");
  REQUIRE(running.says("listening on 127.0.0.1:"));
  running.signal(SIGSTOP);
  const auto answer = home.ask({"status"});
  CHECK(answer.status == kUnavailable);
  CHECK(answer.all() == "surang: Surang runs, but does not answer. Restart it if that stays so.\n");
}
