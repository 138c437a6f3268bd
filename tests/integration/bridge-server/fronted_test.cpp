// The running bridge as the origin behind an edge. What stands in for the edge here is its own TLS and
// HTTP/2; edges of others are in tests/interop.
#include <doctest.h>

#include <csignal>
#include <cstdlib>

#include "tests/integration/bridge-server/bridge_rig.hpp"
#include "tests/support/run.hpp"
#include "tests/support/stream_words.hpp"
#include "tests/support/tunnel_rig.hpp"

using namespace surang;
using namespace surang::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kName = "edge.test";

// A bridge with a fronted listener that speaks TLS, whose certificate this process believes.
struct FrontedBridge : BridgeProcess {
  explicit FrontedBridge(std::uint16_t cover_port) : BridgeProcess(cover_port), origin_port(free_port()) {
    const auto chain = (dir / "origin.pem").string(), key = (dir / "origin.key").string();
    const auto made = run_program(
        {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", std::string("/CN=") + kName, "-addext",
         std::string("subjectAltName=DNS:") + kName, "-keyout", key, "-out", chain});
    REQUIRE_MESSAGE(made.code == 0, made.out);
    ::setenv("SSL_CERT_FILE", chain.c_str(), 1);
    const auto at = std::to_string(origin_port);
    edit("proxy_protocol = false\n",
         "proxy_protocol = false\n\n[[listen]]\naddress = \"127.0.0.1:" + at +
             "\"\ntransport = \"fronted\"\ncertificate = \"origin.pem\"\nkey = \"origin.key\"\n" +
             "\n[[front]]\nhost = \"" + kName + "\"\nat = [\"127.0.0.1\"]\nport = " + at + "\n");
  }
  ~FrontedBridge() { ::unsetenv("SSL_CERT_FILE"); }

  std::string curl(std::vector<std::string> more) const {
    std::vector<std::string> words{"/usr/bin/curl",
                                   "-sS",
                                   "-i",
                                   "--cacert",
                                   (dir / "origin.pem").string(),
                                   "--resolve",
                                   std::string(kName) + ':' + std::to_string(origin_port) + ":127.0.0.1"};
    words.insert(words.end(), more.begin(), more.end());
    words.push_back("https://" + std::string(kName) + ':' + std::to_string(origin_port) + "/");
    return run_program(words).out;
  }

  std::uint64_t count(const char* what) const { return status().at(what).to_number<std::uint64_t>(); }

  const std::uint16_t origin_port;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("a link by a front leads through the bridge's own TLS and HTTP/2") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    FrontedBridge bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link_by("fronted", "me"));
    auto stream = co_await me.open(echo.port());
    REQUIRE(stream);
    const bool more = co_await me.echoes(*stream, random_text(3000000));
    CHECK(more);
    CHECK(bridge.count("fronted_sessions") == 1);
    CHECK(bridge.count("open_sessions") == 1);
    CHECK(bridge.count("streams") == 1);
    stream->close();
    stream.reset();
    co_await me.tunnel->close();
  });
}

TEST_CASE("to everybody else an origin is a web server that has nothing, by either HTTP") {
  asio::io_context io;
  CoverServer cover(io);
  FrontedBridge bridge(cover.port());
  bridge.start();
  const auto by_2 = bridge.curl({"--http2"}), by_1 = bridge.curl({"--http1.1"});
  CHECK_MESSAGE(by_2.starts_with("HTTP/2 404"), by_2);
  CHECK_MESSAGE(by_1.starts_with("HTTP/1.1 404"), by_1);
  CHECK(has(by_1, "<h1>404 Not Found</h1>"));
  CHECK(by_1.substr(by_1.find("<html>")) == by_2.substr(by_2.find("<html>")));
  CHECK(bridge.count("fronted_strangers") == 2);
  CHECK(cover.visits == 0);
}

TEST_CASE("who is no user any more loses the session behind the edge") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    FrontedBridge bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link_by("fronted", "me"));
    auto stream = co_await me.open(echo.port());
    REQUIRE(stream);
    CHECK(bridge.command({"user", "remove", "me"}).code == 0);
    std::array<char, 16> block{};
    const auto ended = co_await stream->read_some_for(asio::buffer(block), 10s);
    CHECK(ended.has_error());
    CHECK(ended.error() != Errc::timed_out);
    auto again = co_await me.open(echo.port());
    CHECK_FALSE(again);
    co_await me.tunnel->close();
  });
}

TEST_CASE("TERM lets sessions behind an edge end, and sends new ones away") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    FrontedBridge bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link_by("fronted", "me"));
    auto stream = co_await me.open(echo.port());
    REQUIRE(stream);
    bridge.signal(SIGTERM);
    CHECK(bridge.logged("stopping"));
    const auto stranger = bridge.curl({});
    CHECK_MESSAGE(has(stranger, " 503"), stranger);
    const bool goes_on = co_await me.echoes(*stream, "still here");
    CHECK(goes_on);
    stream->close();
    stream.reset();
    co_await me.tunnel->close();
    // The client takes its leave by a request of its own, behind that.
    int code = -1;
    for (int tries = 0; code < 0 && tries < 100; ++tries) {
      co_await sleep_for(100ms);
      code = bridge.wait(20ms);
    }
    CHECK(code == 0);
  });
}

TEST_CASE("a certificate that cannot be read stops the bridge at its start, and is left alone at a reload") {
  asio::io_context io;
  CoverServer cover(io);
  FrontedBridge bridge(cover.port());
  bridge.start();
  bridge.edit("log_level", "# changed\nlog_level");
  std::filesystem::rename(bridge.dir / "origin.key", bridge.dir / "kept.key");
  bridge.signal(SIGHUP);
  CHECK(bridge.logged("the old certificate stays: no key in PEM form"));
  CHECK(has(bridge.curl({}), " 404"));
  std::filesystem::rename(bridge.dir / "kept.key", bridge.dir / "origin.key");
  bridge.signal(SIGTERM);
  CHECK(bridge.wait(20s) == 0);
  std::filesystem::remove(bridge.dir / "origin.pem");
  const auto refused = run_program({SURANG_BRIDGE, "--config", (bridge.dir / "bridge.toml").string(), "run"});
  CHECK(refused.code == 78);
  CHECK_MESSAGE(has(refused.out, "origin.pem"), refused.out);
}
