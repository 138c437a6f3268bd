// Datagrams through the real bridge.
#include <doctest.h>

#include <boost/asio/ip/udp.hpp>

#include "tests/integration/bridge-server/bridge_rig.hpp"
#include "tests/support/flow_words.hpp"
#include "tests/support/run.hpp"

using namespace surang;
using namespace surang::test;
using asio::ip::udp;

namespace {

// Gives back what it gets.
class UdpEcho {
 public:
  UdpEcho(asio::io_context& io, const char* address)
      : tasks_(io.get_executor()), socket_(io, udp::endpoint(asio::ip::make_address(address), 0)) {
    tasks_.spawn(answer());
  }
  Endpoint at() const { return {socket_.local_endpoint().address(), socket_.local_endpoint().port()}; }
  int heard = 0;

 private:
  asio::awaitable<void> answer() {
    std::string room(70000, '\0');
    for (udp::endpoint from;;) {
      const auto n = co_await socket_.async_receive_from(asio::buffer(room), from, asio::use_awaitable);
      ++heard;
      co_await socket_.async_send_to(asio::buffer(room, n), from, asio::use_awaitable);
    }
  }
  TaskGroup tasks_;
  udp::socket socket_;
};

}  // namespace

TEST_CASE("datagrams go to allowed addresses only, and are counted") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.edit("127.0.0.0/8", "127.0.0.1/32");
    bridge.start();
    BridgeClient client(io, bridge.link("me"));
    UdpEcho allowed(io, "127.0.0.1"), denied(io, "127.0.0.2");
    auto flow = co_await client.tunnel->open();
    REQUIRE(flow.has_value());
    send(**flow, denied.at(), "no");
    send(**flow, allowed.at(), "yes");
    auto heard = co_await hear(**flow);
    CHECK(heard == allowed.at().to_string() + " yes");
    send(**flow, Endpoint("localhost", allowed.at().port()), std::string(20000, 'x'));
    heard = co_await hear(**flow);
    CHECK(heard == allowed.at().to_string() + ' ' + std::string(20000, 'x'));
    CHECK(denied.heard == 0);
    const auto status = bridge.status();
    CHECK(status.at("udp_flows").as_int64() == 1);
    CHECK(status.at("bytes_up").as_int64() > 20000);
    CHECK(status.at("bytes_down").as_int64() > 20000);
    flow = make_error_code(Errc::closed);
    co_await client.tunnel->close();
  });
}
