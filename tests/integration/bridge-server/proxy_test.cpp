// A bridge behind a load balancer that sends PROXY protocol v2, and its limit of handshakes per address.
#include <doctest.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/integration/bridge-server/bridge_rig.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tunnel_rig.hpp"
#include "transports/core/timeout.hpp"

using namespace surang;
using namespace surang::test;
using namespace std::chrono_literals;

namespace {

// "PROXY" over TCP and IPv4, from 198.51.100.`last`, with one TLV behind the addresses.
std::string header(std::uint8_t last) {
  std::string bytes("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10", 16);
  const std::uint8_t addresses[] = {198, 51, 100, last, 192, 0, 2, 1, 0x30, 0x39, 0x01, 0xbb, 0x04, 0, 1, 0};
  bytes.append(reinterpret_cast<const char*>(addresses), sizeof addresses);
  return bytes;
}

class Balancer : public Dialer {
 public:
  explicit Balancer(std::string before) : before_(std::move(before)) {}
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override {
    auto stream = co_await tcp_.dial(to);
    if (!stream) co_return stream;
    const auto sent = co_await (*stream)->write_all(asio::buffer(before_));
    if (!sent) co_return sent.error();
    co_return stream;
  }

 private:
  std::string before_;
  SystemResolver resolver_;
  TcpDialer tcp_{resolver_, {}};
};

// Says its first word only after a while, as when a segment is lost on the way.
class Late : public Dialer {
 public:
  explicit Late(std::chrono::milliseconds delay) : delay_(delay) {}
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override {
    auto stream = co_await tcp_.dial(to);
    co_await sleep_for(delay_);
    co_return stream;
  }

 private:
  std::chrono::milliseconds delay_;
  SystemResolver resolver_;
  TcpDialer tcp_{resolver_, {}};
};

// What a stranger who writes `text` reads first; empty when it is closed.
asio::awaitable<std::string> first_answer(Stream& stream, std::string text) {
  (void)co_await stream.write_all(asio::buffer(text));
  std::string word(5, '\0');
  const auto got = co_await with_timeout(10s, stream.read_exactly(asio::buffer(word)));
  co_return got ? word : std::string();
}

}  // namespace

TEST_CASE("PROXY protocol v2") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.edit("proxy_protocol = false", "proxy_protocol = true");
    bridge.edit("max_handshakes_per_address = 64", "max_handshakes_per_address = 1");
    bridge.start();
    Balancer one(header(1)), two(header(2)), local(std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16)),
        none("");
    Endpoint to("127.0.0.1", bridge.port);

    BridgeClient me(io, bridge.link("me"), &one);
    const auto mine = co_await me.open(echo.port());
    CHECK(mine);
    BridgeClient health(io, bridge.link("me"), &local);
    const auto checked = co_await health.open(echo.port());
    CHECK(checked);

    const std::string hello = "GET / HTTP/1.1\r\n\r\n";
    auto first = co_await one.dial(to);
    REQUIRE(first.has_value());
    const auto seen = co_await first_answer(**first, hello);
    CHECK(seen == "cover");
    auto crowded = co_await one.dial(to);
    REQUIRE(crowded.has_value());
    const auto covered = co_await first_answer(**crowded, hello);
    CHECK(covered == "cover");
    auto other = co_await two.dial(to);
    REQUIRE(other.has_value());
    const auto served = co_await first_answer(**other, hello);
    CHECK(served == "cover");

    auto headless = co_await none.dial(to);
    REQUIRE(headless.has_value());
    const auto closed = co_await first_answer(**headless, hello);
    CHECK(closed.empty());
    const auto status = bridge.status();
    CHECK(status.at("refused_proxy_header").as_int64() == 1);
    CHECK(cover.visits == 3);
  });
}

TEST_CASE("a crowd from one address is shown the cover site, every one of it") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.edit("max_handshakes_per_address = 64", "max_handshakes_per_address = 1");
    bridge.start();
    Balancer plain("");
    Endpoint to("127.0.0.1", bridge.port);
    std::vector<StreamPtr> crowd;
    for (int i = 0; i < 100; ++i) {
      auto stranger = co_await plain.dial(to);
      REQUIRE(stranger.has_value());
      crowd.push_back(std::move(*stranger));
    }
    // The one that was let in is left alone, too, when it has been silent for a while.
    for (int i = 0; i < 200 && cover.visits < 100; ++i) co_await sleep_for(50ms);
    CHECK(bridge.status().at("refused_address").as_int64() > 0);
    // Silent ones at the cover site keep no user of that address out.
    BridgeClient me(io, bridge.link("me"));
    const auto mine = co_await me.open(echo.port());
    CHECK(mine);
    int shown = 0;
    for (auto& stranger : crowd) {
      const auto answer = co_await first_answer(*stranger, "GET / HTTP/1.1\r\n\r\n");
      shown += answer == "cover";
    }
    CHECK(shown == 100);
    CHECK(cover.visits == 100);
  });
}

TEST_CASE("a user whose hello is late gets in, with the cover site down") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    std::uint16_t nobody = 0;
    {
      CoverServer gone(io);
      nobody = gone.port();
    }
    BridgeProcess bridge(nobody);
    bridge.start();
    Late late(500ms);
    BridgeClient me(io, bridge.link("me"), &late);
    const auto mine = co_await me.open(echo.port());
    CHECK(mine);
  });
}

TEST_CASE("a bridge out of descriptors recovers") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.edit("max_handshakes_per_address = 64", "max_handshakes_per_address = 1000");
    bridge.limit_descriptors = 64;
    bridge.start();
    Balancer plain("");
    Endpoint to("127.0.0.1", bridge.port);
    std::vector<StreamPtr> crowd;
    for (int i = 0; i < 80; ++i) {
      auto stranger = co_await plain.dial(to);
      if (stranger) crowd.push_back(std::move(*stranger));
    }
    CHECK(bridge.logged("raise the limit of open files"));
    crowd.clear();
    co_await sleep_for(500ms);
    BridgeClient me(io, bridge.link("me"));
    StreamPtr mine;
    for (int i = 0; i < 20 && !mine; ++i) {
      mine = co_await me.open(echo.port());
      if (!mine) co_await sleep_for(200ms);
    }
    CHECK(mine);
  });
}
