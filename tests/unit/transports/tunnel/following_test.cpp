// A tunnel by sessions that go on by another network, as HTTP/2 cannot.
#include <doctest.h>

#include "tests/unit/transports/tunnel/tunnel_calls.hpp"

using namespace surang;
using namespace surang::tunnel_calls;
using namespace std::chrono_literals;

namespace {

struct Network {
  bool passable = true;  // sessions go on by it
  int told = 0;          // sessions
};

class Follower final : public tunnel::Session {
 public:
  Follower(std::unique_ptr<tunnel::Session> inner, Network& network)
      : inner_(std::move(inner)), network_(network) {}
  asio::awaitable<error_code> run() override { return inner_->run(); }
  StreamPtr connect(const Endpoint& to) override { return inner_->connect(to); }
  Result<DatagramFlowPtr> open_flow() override { return inner_->open_flow(); }
  StreamPtr question(const Endpoint& to) override { return inner_->question(to); }
  void introduce() override { inner_->introduce(); }
  asio::awaitable<Result<std::chrono::microseconds>> ping() override { return inner_->ping(); }
  void drain() override { inner_->drain(); }
  void abandon() noexcept override { inner_->abandon(); }
  bool usable() const noexcept override { return inner_->usable(); }
  bool heard() const noexcept override { return inner_->heard(); }
  std::size_t streams() const noexcept override { return inner_->streams(); }
  std::chrono::microseconds rtt() const noexcept override { return inner_->rtt(); }
  std::chrono::steady_clock::time_point last_heard() const noexcept override { return inner_->last_heard(); }
  std::optional<TcpInfo> carrier() const override { return inner_->carrier(); }
  bool follow() override {
    ++network_.told;
    return network_.passable;
  }

 private:
  const std::unique_ptr<tunnel::Session> inner_;
  Network& network_;
};

class FollowerDialer final : public tunnel::SessionDialer {
 public:
  FollowerDialer(tunnel::SessionDialer& inner, Network& network) : inner_(inner), network_(network) {}
  std::string_view name() const noexcept override { return inner_.name(); }
  asio::awaitable<Result<std::unique_ptr<tunnel::Session>>> connect(tunnel::SessionOptions options) override {
    auto made = co_await inner_.connect(options);
    if (!made) co_return made.error();
    co_return std::make_unique<Follower>(std::move(*made), network_);
  }

 private:
  tunnel::SessionDialer& inner_;
  Network& network_;
};

// Opens a connection that echoes, and tries it.
asio::awaitable<StreamPtr> open_echo(tunnel::TunnelDialer& dialer) {
  auto stream = co_await dialer.dial(Endpoint("echo.test", 443));
  REQUIRE(stream.has_value());
  co_return std::move(*stream);
}

asio::awaitable<bool> still_echoes(Stream& stream) {
  std::string got(4, '\0');
  const auto said = co_await stream.write_all(asio::buffer("ping", 4));
  if (!said) co_return false;
  const auto heard = co_await stream.read_exactly(asio::buffer(got));
  co_return heard.has_value() && got == "ping";
}

}  // namespace

TEST_CASE("a session that goes on by another network stays, and takes streams") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    Network network;
    FollowerDialer sessions(*rig.sessions, network);
    tunnel::TunnelDialer dialer(io.get_executor(), sessions, {});
    CHECK_FALSE(dialer.start_afresh());  // none is there
    const auto before = co_await open_echo(dialer);
    CHECK(co_await still_echoes(*before));

    CHECK(dialer.start_afresh());
    CHECK(network.told == 1);
    CHECK(dialer.status().session == 1);
    const auto beside = co_await open_echo(dialer);
    CHECK(co_await still_echoes(*beside));
    CHECK(co_await still_echoes(*before));
    CHECK(rig.connects == 1);

    network.passable = false;
    CHECK_FALSE(dialer.start_afresh());
    CHECK(network.told == 2);
    CHECK(dialer.status().session == 0);
    const auto after = co_await open_echo(dialer);
    CHECK(co_await still_echoes(*after));
    CHECK(rig.connects == 2);
    co_await dialer.close();
    co_await rig.close();
  });
}

TEST_CASE("a session that only ends is told of another network, too, and is not taken for the present one") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    Network network;
    FollowerDialer sessions(*rig.sessions, network);
    tunnel::TunnelDialer dialer(io.get_executor(), sessions, {});
    const auto before = co_await open_echo(dialer);
    CHECK(co_await still_echoes(*before));
    dialer.doubt();
    CHECK_FALSE(dialer.start_afresh());
    CHECK(network.told == 1);
    CHECK(co_await still_echoes(*before));
    co_await dialer.close();
    co_await rig.close();
  });
}

TEST_CASE("what is given up ends, though it could go on by another network") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    Network network;
    FollowerDialer sessions(*rig.sessions, network);
    tunnel::TunnelDialer dialer(io.get_executor(), sessions, {});
    auto stream = co_await open_echo(dialer);
    CHECK(co_await still_echoes(*stream));
    dialer.give_up();
    CHECK(network.told == 0);
    CHECK(dialer.status().session == 0);
    stream.reset();
    co_await until([&] { return rig.ended.size() == 1; });
    co_await dialer.close();
    co_await rig.close();
  });
}
