// The whole `surang` as a process: start, second start, taken port, reload, end.
#include <doctest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "client/app.hpp"
#include "config/client_config.hpp"
#include "tests/integration/client/client_program.hpp"
#include "tests/integration/client/proxy_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::test;
namespace fs = std::filesystem;

namespace {

std::string connect_to(const Origin& origin) {
  return "CONNECT 127.0.0.1:" + std::to_string(origin.port) + " HTTP/1.1\r\n\r\n";
}

std::uint16_t number(const std::string& port) {
  return static_cast<std::uint16_t>(std::stoi(port));
}

}  // namespace

TEST_CASE("surang runs once, tells what it does, takes changes and ends") {
  const Home home;
  CHECK(home.ask({"status"}).status == kNotRunning);
  CHECK(home.ask({"why", "x.com"}).has("x.com goes directly"));
  Surang running(home.config(), {"run"}, home.dir / "log");
  REQUIRE(running.says("listening on 127.0.0.1:"));
  CHECK(fs::status(home.dir / "state" / "control.sock").permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK((fs::status(home.dir / "state").permissions() & fs::perms(077)) == fs::perms::none);

  auto answer = home.ask({"status"});
  CHECK(answer.status == kOk);
  CHECK(answer.has("Proxy (SOCKS and HTTP): 127.0.0.1:"));
  CHECK(home.ask({"status", "--json"}).out.starts_with("{\"version\""));

  answer = home.ask({"run"});
  CHECK(answer.status == kUnavailable);
  CHECK(answer.has("already running"));

  answer = home.ask({"rules", "add", "never", "ads.example"});
  CHECK(answer.status == kOk);
  CHECK(answer.has("uses it now"));
  CHECK(home.ask({"why", "a.ads.example"}).has("refused"));
  CHECK(home.ask({"rules", "list"}).out == "never ads.example\n");
  CHECK(home.ask({"rules", "remove", "ads.example"}).status == kOk);
  CHECK(home.ask({"rules", "remove", "ads.example"}).status == kUsage);
  CHECK_FALSE(home.ask({"why", "a.ads.example"}).has("refused"));

  home.write("[[rule]]\naction = \"never\"\npattern = \"b.example\"\n");
  running.signal(SIGHUP);
  CHECK(running.says("0 bridge(s), 1 rule(s)"));

  running.signal(SIGTERM);
  CHECK(running.wait() == kOk);
  CHECK_FALSE(fs::exists(home.dir / "state" / "control.sock"));
}

TEST_CASE("what cannot be reloaded changes nothing and ends nothing") {
  const Home home;
  home.write("[[rule]]\naction = \"never\"\npattern = \"b.example\"\n");
  Surang running(home.config(), {"run"}, home.dir / "log");
  REQUIRE(running.says("listening on 127.0.0.1:"));

  home.write("nonsense = 1\n");
  running.signal(SIGHUP);
  CHECK(running.says("unknown key 'nonsense'"));
  home.write("extra_ca_file = \"none.pem\"\n");
  running.signal(SIGHUP);
  CHECK(running.says("client.toml:3: 'extra_ca_file': there is no file"));
  std::ofstream(home.dir / "none.pem") << "no certificate\n";
  running.signal(SIGHUP);
  CHECK(running.says("holds no certificate"));
  home.write("");
  fs::rename(home.config(), home.dir / "away");
  running.signal(SIGHUP);
  CHECK(running.says("not reloaded: " + home.config().string() + ": No such file"));
  fs::rename(home.dir / "away", home.config());
  CHECK(home.ask({"why", "b.example"}).has("refused"));

  running.signal(SIGTERM);
  CHECK(running.wait() == kOk);
}

TEST_CASE("lists beside the configuration are taken at the start and at a reload, whole or not at all") {
  const Home home;
  std::ofstream(home.dir / "services.toml") << "[[service]]\nname = \"A\"\npatterns = [\"x.com\"]\n";
  auto refused = home.ask({"run"});
  CHECK(refused.status == kConfig);
  CHECK(refused.has("services.toml:3: 'x.com' of the service A and 'x.com' of the service X"));
  fs::remove(home.dir / "services.toml");

  Surang running(home.config(), {"run"}, home.dir / "log");
  REQUIRE(running.says("listening on 127.0.0.1:"));
  std::ofstream(home.dir / "block_pages.toml") << "[[page]]\nphrases = [\"no\"]\n";
  running.signal(SIGHUP);
  CHECK(running.says("not reloaded: block_pages.toml:2: 'no' is too short"));
  std::ofstream(home.dir / "block_pages.toml") << "[[page]]\nphrases = [\"not to be seen\"]\n";
  running.signal(SIGHUP);
  CHECK(running.says("info reloaded "));
  running.signal(SIGTERM);
  CHECK(running.wait() == kOk);
}

TEST_CASE("the default file may be missing at the start, and only then") {
  const Home home;
  const auto* before = std::getenv("XDG_CONFIG_HOME");
  const std::string kept = before ? before : "";
  ::setenv("XDG_CONFIG_HOME", home.dir.c_str(), 1);  // for whoever is not root
  const auto file = surang::config::default_client_config_path();
  const bool there = fs::exists(file);
  CHECK(load_config(file).status == kOk);
  CHECK(load_config(file, WhenMissing::refuse).status == (there ? kOk : kConfig));
  CHECK(load_config(home.dir / "another.toml").status == kConfig);
  before ? ::setenv("XDG_CONFIG_HOME", kept.c_str(), 1) : ::unsetenv("XDG_CONFIG_HOME");
}

TEST_CASE("a password is asked for from the reload on") {
  const Home home;
  Origin origin;
  Surang running(home.config(), {"run"}, home.dir / "log");
  const auto port = number(listening_port(running));
  RawClient open(port);
  open.say(connect_to(origin));
  CHECK(open.hear_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
  home.write("[auth]\nuser = \"ali\"\npassword = \"one\"\n");
  running.signal(SIGHUP);
  REQUIRE(running.says("reloaded "));
  const auto answered = [&](const std::string& authorization) {
    RawClient client(port);
    const auto to = connect_to(origin);
    client.say(to.substr(0, to.size() - 2) + authorization + "\r\n");
    return client.hear_until("\r\n\r\n").substr(0, 12);
  };
  CHECK(answered("") == "HTTP/1.1 407");
  CHECK(answered("Proxy-Authorization: Basic YWxpOm9uZQ==\r\n") == "HTTP/1.1 200");
  home.write("[auth]\nuser = \"ali\"\npassword = \"two\"\n");
  CHECK(home.ask({"rules", "add", "never", "c.example"}).has("uses it now"));  // reloads too
  CHECK(answered("Proxy-Authorization: Basic YWxpOm9uZQ==\r\n") == "HTTP/1.1 407");
  CHECK(answered("Proxy-Authorization: Basic YWxpOnR3bw==\r\n") == "HTTP/1.1 200");
  // A connection that was let in before goes on.
  open.say("GET /chunked HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(open.hear_until("0\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a site is dialled while the browser still makes its first flight, and left when it goes") {
  const Home home;
  Origin origin;
  Surang running(home.config(), {"run"}, home.dir / "log");
  const auto port = number(listening_port(running));
  const auto named = "localhost:" + std::to_string(origin.port);
  const std::string socks_to = {static_cast<char>(origin.port >> 8), static_cast<char>(origin.port & 255)};
  const struct {
    std::string hello, answer_ends;
  } protocols[] = {{"CONNECT " + named + " HTTP/1.1\r\n\r\n", "\r\n\r\n"},
                   {std::string{5, 1, 0} + std::string{5, 1, 0, 3, 9} + "localhost" + socks_to,
                    std::string("\0\1\0\0\0\0\0\0", 8)}};
  for (const auto& protocol : protocols) {
    origin.connections = origin.farewells = 0;
    {
      RawClient client(port);
      client.say(protocol.hello);
      CHECK(client.hear_until(protocol.answer_ends).ends_with(protocol.answer_ends));
      CHECK(becomes_true([&] { return origin.connections == 1; }));
      client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      CHECK(client.hear_until("hello\n").ends_with("hello\n"));
      CHECK(origin.connections == 1);
    }
    CHECK(becomes_true([&] { return origin.farewells == 1; }));
    {
      RawClient client(port);
      client.say(protocol.hello);
      CHECK(becomes_true([&] { return origin.connections == 2; }));
      CHECK(origin.farewells == 1);
    }
    CHECK(becomes_true([&] { return origin.farewells == 2; }));
  }
}

TEST_CASE("the first TERM lets a connection finish, the second does not wait") {
  const Home home;
  Origin origin;
  for (const bool twice : {false, true}) {
    Surang running(home.config(), {"run"}, home.dir / "log");
    const auto port = number(listening_port(running));
    RawClient client(port);
    client.say(connect_to(origin) + "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.hear_until("hello\n").ends_with("hello\n"));
    running.signal(SIGTERM);
    REQUIRE(running.says("1 connection(s) have 5 s to finish"));
    const auto asked = std::chrono::steady_clock::now();
    if (twice) {
      running.signal(SIGTERM);
    } else {
      client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");  // still carried
      CHECK(client.hear_until("hello\n").ends_with("hello\n"));
      client.abort();
    }
    CHECK(running.wait() == kOk);
    // Sooner than the drain, of which it has no need any more.
    CHECK(std::chrono::steady_clock::now() - asked < std::chrono::milliseconds(4900));
    CHECK(running.err().find("ended") != std::string::npos);
  }
}

TEST_CASE("surang names the port that is taken, and starts after a crash") {
  const Home home;
  Surang first(home.config(), {"run"}, home.dir / "log");
  const auto port = listening_port(first);
  home.write("", port, "other");
  const auto answer = home.ask({"run"});
  CHECK(answer.status == kUnavailable);
  CHECK_MESSAGE(answer.has("port " + port), answer.all());
  first.signal(SIGKILL);
  CHECK(first.wait() == -1);
  home.write("", port);
  Surang again(home.config(), {"run"}, home.dir / "log of the second");
  CHECK(again.says("listening on 127.0.0.1:" + port));
  again.signal(SIGTERM);
  CHECK(again.wait() == kOk);
}
