// One attempt by itself, over real sockets: what of it must not outlive it.
#include "client/detection/attempt.hpp"

#include <doctest.h>

#include "client/detection/probe_flight.hpp"
#include "tests/support/run.hpp"
#include "tests/unit/transports/tcp/loopback.hpp"

using namespace surang;
using namespace surang::client;

namespace {

struct Loopback final : Connector {
  explicit Loopback(asio::io_context& io) : pair(test::tcp_pair(io)) {}
  asio::awaitable<Result<StreamPtr>> connect(std::vector<asio::ip::address>, std::uint16_t,
                                             std::vector<ConnectAttempt>*) override {
    ++dialled;
    co_return std::move(pair.first);
  }
  std::pair<StreamPtr, StreamPtr> pair;
  int dialled = 0;
};

}  // namespace

TEST_CASE("a split flight that is said when the attempt is over tells the attempt nothing") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Loopback connector(io);
    AttemptTools tools;
    tools.connector = &connector;
    AttemptOrder order(Way::direct_split, Endpoint("127.0.0.1", 443), std::make_shared<const FirstFlight>());
    order.judge_answer = false;
    const auto attempt = std::make_shared<Attempt>(Way::direct_split, Clock::now());
    int changes = 0;
    std::function<void()> changed = [&changes] { ++changes; };
    co_await run_attempt(tools, std::move(order), attempt, std::move(changed));
    CHECK(attempt->view.outcome == Outcome::validated);
    const int during = changes;
    const auto hello = tls_probe_flight("www.youtube.com").bytes;
    const auto written = co_await attempt->stream->write_all(asio::buffer(hello));
    CHECK(written);
    CHECK(changes == during);
  });
}

TEST_CASE("a guest's flight goes to no address of this network or machine") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    AttemptTools tools;
    tools.of_this_machine = [](const asio::ip::address& a) {
      return a == asio::ip::make_address("93.184.1.9");
    };
    FirstFlight guests;
    guests.public_only = true;
    for (const auto* to : {"127.0.0.1", "192.168.1.1", "::1", "93.184.1.9", "93.184.1.1"}) {
      Loopback connector(io);
      tools.connector = &connector;
      AttemptOrder order(Way::direct, Endpoint(to, 80), std::make_shared<const FirstFlight>(guests));
      order.judge_answer = false;
      const auto attempt = std::make_shared<Attempt>(Way::direct, Clock::now());
      std::function<void()> nobody;
      co_await run_attempt(tools, std::move(order), attempt, std::move(nobody));
      const bool may = std::string(to) == "93.184.1.1";
      CHECK_MESSAGE(connector.dialled == (may ? 1 : 0), to);
      CHECK_MESSAGE((attempt->view.outcome == Outcome::validated) == may, to);
      if (!may) CHECK(attempt->error == Errc::destination_denied);
    }
  });
}
