// A watched connection copies until it has earned its credit, then the relay splices as ever.
#include "client/detection/watched_stream.hpp"

#include <doctest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/goodput_monitor.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "transports/core/relay.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/wrapping_stream.hpp"
#include "transports/tcp/tcp_stream.hpp"

using namespace surang;
using namespace surang::client;
using namespace std::chrono_literals;

namespace {

using asio::ip::tcp;

// A TCP stream that counts what is copied out of it; what is spliced goes past it.
class CountingStream final : public WrappingStream {
 public:
  CountingStream(StreamPtr inner, std::size_t& copied) : WrappingStream(std::move(inner)), copied_(copied) {}
  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    auto n = inner_->try_read(into);
    if (n) copied_ += *n;
    return n;
  }
  int native_socket() const noexcept override { return inner_->native_socket(); }
  asio::awaitable<Result<void>> wait_writable() override { return inner_->wait_writable(); }

 private:
  std::size_t& copied_;
};

asio::awaitable<std::pair<StreamPtr, StreamPtr>> tcp_pair() {
  const auto executor = co_await asio::this_coro::executor;
  tcp::acceptor acceptor(executor, {asio::ip::address_v4::loopback(), 0});
  tcp::socket near(executor);
  co_await near.async_connect(acceptor.local_endpoint(), asio::use_awaitable);
  auto far = co_await acceptor.async_accept(asio::use_awaitable);
  co_return std::pair(make_tcp_stream(std::move(near)), make_tcp_stream(std::move(far)));
}

asio::awaitable<void> relayed(Stream& a, Stream& b) {
  (void)co_await relay(a, b, {});
}

asio::awaitable<void> say(Stream& site, std::size_t size) {
  const std::vector<std::uint8_t> bytes(size, 7);
  (void)co_await site.write_all(asio::buffer(bytes));
  (void)co_await site.shutdown_write();
}

FirstFlight opaque() {
  FirstFlight flight;
  flight.kind = FirstFlight::Kind::http;
  flight.bytes.assign(100, 'x');
  return flight;
}

}  // namespace

TEST_CASE("what has earned its credit is spliced") {
  const auto make = [](asio::io_context& io) -> asio::awaitable<void> {
    auto browser = co_await tcp_pair();
    auto site = co_await tcp_pair();
    std::size_t copied = 0;
    int worked = 0;
    const auto monitor = std::make_shared<GoodputMonitor>(
        io.get_executor(), [](const Suspicion&) { FAIL("nothing is suspect"); }, [&] { ++worked; });
    auto counting = std::make_unique<CountingStream>(std::move(site.first), copied);
    auto watched =
        monitor->follow(std::move(counting), Way::direct, {"a.example", 80}, "a.example", opaque(), {}, 1ms);
    CHECK(watched->native_socket() < 0);
    TaskGroup tasks(io.get_executor());
    constexpr std::size_t kSize = 4 << 20;
    tasks.spawn(relayed(*browser.second, *watched));
    tasks.spawn(say(*site.second, kSize));
    std::vector<char> block(64 * 1024);
    std::size_t got = 0;
    while (got < kSize) {
      const auto n = co_await browser.first->read_some(asio::buffer(block));
      REQUIRE(n);
      if (*n == 0) break;
      got += *n;
    }
    CHECK(got == kSize);
    CHECK(watched->native_socket() >= 0);
    CHECK(copied >= kCredit);
    CHECK(copied < kCredit + 256 * 1024);
    CHECK(worked > 0);
    browser.first->close();
    co_await tasks.join();
    monitor->stop();
  };
  surang::test::run(make);
}

TEST_CASE("a connection may outlive its monitor, and a stopped monitor watches nothing") {
  const auto make = [](asio::io_context& io) -> asio::awaitable<void> {
    auto [near, far] = surang::test::memory_stream_pair(io.get_executor());
    auto monitor = std::make_shared<GoodputMonitor>(
        io.get_executor(), [](const Suspicion&) { FAIL("nothing is suspect"); }, [] {});
    const std::vector<std::uint8_t> half{23, 3, 3, 64, 0, 1, 2, 3};
    FirstFlight hello;
    hello.kind = FirstFlight::Kind::tls;
    auto watched =
        monitor->follow(std::move(near), Way::direct, {"a.example", 443}, "a.example", hello, half, {});
    monitor->stop();
    monitor.reset();
    (void)co_await far->write_all(asio::buffer(half));
    std::array<std::uint8_t, 64> block;
    const auto n = co_await watched->read_some(asio::buffer(block));
    CHECK(n);
    co_await surang::test::sleep_for(std::chrono::milliseconds(3500));
    watched->close();
    far->close();
  };
  surang::test::run(make);
}
