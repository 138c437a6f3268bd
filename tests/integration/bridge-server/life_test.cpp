// The running bridge and its operator: reload, drain, what it says when it cannot start.
#include <doctest.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <fstream>
#include <regex>

#include "tests/integration/bridge-server/bridge_rig.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tunnel_rig.hpp"

using namespace surang;
using namespace surang::test;
using namespace std::chrono_literals;

namespace {

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

}  // namespace

TEST_CASE("TERM lets open connections end and takes no new ones") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    auto stream = co_await me.open(echo.port());
    REQUIRE(stream);
    bridge.signal(SIGTERM);
    CHECK(bridge.logged("stopping"));
    co_await sleep_for(1500ms);
    const bool goes_on = co_await me.echoes(*stream, "still here");
    CHECK(goes_on);
    SystemResolver resolver;
    TcpDialer tcp(resolver, {});
    Endpoint to("127.0.0.1", bridge.port);
    const auto refused = co_await tcp.dial(to);
    CHECK(refused.has_error());
    stream->close();
    stream.reset();
    co_await me.tunnel->close();
    CHECK(bridge.wait(20s) == 0);
  });
}

TEST_CASE("a bridge without connections stops at the first TERM") {
  asio::io_context io;
  CoverServer cover(io);
  BridgeProcess bridge(cover.port());
  bridge.start();
  bridge.signal(SIGTERM);
  CHECK(bridge.wait(20s) == 0);
  CHECK_MESSAGE(lines(bridge.log()) == 3, bridge.log());
}

TEST_CASE("a second TERM stops at once") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    auto stream = co_await me.open(echo.port());
    REQUIRE(stream);
    bridge.signal(SIGTERM);
    CHECK(bridge.logged("stopping"));
    bridge.signal(SIGTERM);
    CHECK(bridge.wait(20s) == 0);
    CHECK(bridge.command({"status"}).code == 3);
  });
}

TEST_CASE("HUP takes new settings and leaves connections alone") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io), other_cover(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    auto stream = co_await me.open(echo.port());
    REQUIRE(stream);

    bridge.edit("max_sessions_per_user", "max_sesions_per_user");
    bridge.signal(SIGHUP);
    CHECK(bridge.logged("did you mean 'max_sessions_per_user'?"));

    bridge.edit("max_sesions_per_user", "max_sessions_per_user");
    bridge.edit("allow_egress = [\"127.0.0.0/8\"]", "allow_egress = []");
    bridge.edit("127.0.0.1:" + std::to_string(cover.port()),
                "127.0.0.1:" + std::to_string(other_cover.port()));
    bridge.edit("workers = 2", "workers = 3");
    bridge.signal(SIGHUP);
    CHECK(bridge.logged("reloaded"));
    CHECK(bridge.logged("need a restart"));
    const bool goes_on = co_await me.echoes(*stream, "still here");
    CHECK(goes_on);
    const auto denied = co_await me.refusal({"127.0.0.1", echo.port()});
    CHECK(denied == Errc::destination_denied);

    SystemResolver resolver;
    TcpDialer tcp(resolver, {});
    Endpoint to("127.0.0.1", bridge.port);
    auto stranger = co_await tcp.dial(to);
    REQUIRE(stranger.has_value());
    const bool covered = co_await [](Stream& s) -> asio::awaitable<bool> {
      const std::string hello = "GET / HTTP/1.1\r\n\r\n";
      (void)co_await s.write_all(asio::buffer(hello));
      std::string word(5, '\0');
      const auto got = co_await s.read_exactly(asio::buffer(word));
      co_return got.has_value() && word == "cover";
    }(**stranger);
    CHECK(covered);
    CHECK(cover.visits == 0);
    CHECK(other_cover.visits == 1);
  });
}

TEST_CASE("what a bridge does not dial for its users") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.edit("\"127.0.0.0/8\"", "\"127.0.0.1\"");
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    auto stream = co_await me.open(echo.port());
    CHECK(stream);
    for (const char* host : {"127.0.0.2", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1",
                             "64:ff9b::7f00:1", "2002:7f00:1::", "0.0.0.0", "fe80::1"}) {
      CAPTURE(std::string(host));
      const auto denied = co_await me.refusal({host, echo.port()});
      CHECK(denied == Errc::destination_denied);
    }
    const auto mail = co_await me.refusal({"127.0.0.1", 25});
    CHECK(mail == Errc::destination_denied);
    const auto status = bridge.status();
    CHECK(status.at("refused_destination").as_int64() == 10);
  });
}

TEST_CASE("what it says when it cannot start") {
  asio::io_context io;
  CoverServer cover(io);
  BridgeProcess bridge(cover.port());
  bridge.start();

  const auto second = bridge.command({"run"});
  CHECK(second.code == 69);
  CHECK_MESSAGE(second.out.find("another bridge runs") != std::string::npos, second.out);
  CHECK(lines(second.out) == 1);

  BridgeProcess other(cover.port());
  other.edit("127.0.0.1:0", "127.0.0.1:" + std::to_string(bridge.port));
  const auto taken = other.command({"run"});
  CHECK(taken.code == 69);
  CHECK_MESSAGE(taken.out.find("127.0.0.1:" + std::to_string(bridge.port)) != std::string::npos, taken.out);
  CHECK(lines(taken.out) == 1);

  other.edit("[[listen]]", "[[lisen]]");
  const auto wrong = other.command({"run"});
  CHECK(wrong.code == 78);
  CHECK_MESSAGE(wrong.out.find("bridge.toml:") != std::string::npos, wrong.out);
  CHECK(lines(wrong.out) == 1);

  std::filesystem::remove(other.dir / "bridge.toml");
  const auto missing = other.command({"run"});
  CHECK(missing.code == 78);
  CHECK_MESSAGE(missing.out.find("surang-bridge init") != std::string::npos, missing.out);
  CHECK(lines(missing.out) == 1);
  CHECK(other.command({"frobnicate"}).code == 64);
}

TEST_CASE("init keeps what is there unless forced") {
  asio::io_context io;
  CoverServer cover(io);
  BridgeProcess bridge(cover.port());
  const auto keys = bridge.dir / "state" / "keys.json";
  const auto read = [](const std::filesystem::path& file) {
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  for (const auto& file : {keys, bridge.dir / "state" / "users.db", bridge.dir / "bridge.toml"})
    CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms(0777)) ==
          std::filesystem::perms(0600));
  CHECK((std::filesystem::status(bridge.dir / "state").permissions() & std::filesystem::perms(0777)) ==
        std::filesystem::perms(0700));
  std::vector<std::string> again{
      "init", "--host", "192.0.2.1", "--cover", "cover.test", "--state-dir", (bridge.dir / "state").string()};
  const auto before = read(keys);
  const auto refused = bridge.command(again);
  CHECK(refused.code == 78);
  CHECK(refused.out.find("--force") != std::string::npos);
  CHECK(read(keys) == before);
  again.push_back("--force");
  bridge.start();
  const auto running = bridge.command(again);
  CHECK(running.code == 69);
  CHECK(running.out.find("stop it first") != std::string::npos);
  CHECK(read(keys) == before);
  bridge.signal(SIGTERM);
  CHECK(bridge.wait(20s) == 0);
  const auto forced = bridge.command(again);
  CHECK(forced.code == 0);
  CHECK(read(keys) != before);
  CHECK(forced.out.find("surang://") != std::string::npos);
  CHECK(forced.out.find("ufw allow 443/tcp") != std::string::npos);
  // A port of its own for obfs4, which the link, the firewall's lines and the configuration agree on.
  std::smatch port;
  REQUIRE(std::regex_search(forced.out, port, std::regex("&t=obfs4:([0-9]+):cert=[A-Za-z0-9+/%]{70,}")));
  CHECK(forced.out.find("ufw allow " + port.str(1) + "/tcp") != std::string::npos);
  CHECK(read(bridge.dir / "bridge.toml").find(":" + port.str(1) + "\"\ntransport = \"obfs4\"") !=
        std::string::npos);
  // And of UDP for quic.
  REQUIRE(std::regex_search(forced.out, port, std::regex("&t=quic:([0-9]+)#me")));
  CHECK(forced.out.find("ufw allow " + port.str(1) + "/udp") != std::string::npos);
  CHECK(forced.out.find("input udp dport '{ " + port.str(1) + " }' accept") != std::string::npos);
  CHECK(read(bridge.dir / "bridge.toml").find(":" + port.str(1) + "\"\ntransport = \"quic\"") !=
        std::string::npos);
  again.insert(again.end(), {"--obfs4-port", "443"});
  const auto same = bridge.command(again);
  CHECK(same.code == 64);
  CHECK(same.out.find("--obfs4-port") != std::string::npos);
  CHECK(bridge.command({"link", "me", "--qr"}).out.find("▀") != std::string::npos);
}
