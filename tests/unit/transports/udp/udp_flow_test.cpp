// Flows by sockets, to peers on loopback.
#include "transports/udp/udp_flow.hpp"

#include <doctest.h>

#include <boost/asio/ip/udp.hpp>
#include <map>
#include <string>

#include "tests/support/flow_words.hpp"
#include "tests/support/run.hpp"
#include "transports/core/task_group.hpp"

using namespace surang;
using namespace std::chrono_literals;
using asio::ip::udp;
using test::hear;
using test::send;

namespace {

// Names that a test has given addresses, and how often each was asked.
class ScriptedNames final : public Resolver {
 public:
  asio::awaitable<Result<std::vector<asio::ip::address>>> resolve(std::string host) override {
    ++asked[host];
    co_await test::sleep_for(20ms);
    const auto found = known.find(host);
    if (found == known.end()) co_return make_error_code(Errc::name_not_found);
    co_return found->second;
  }
  std::map<std::string, std::vector<asio::ip::address>> known;
  std::map<std::string, int> asked;
};

struct Peer {
  Peer(asio::io_context& io, const char* address)
      : socket(io, udp::endpoint(asio::ip::make_address(address), 0)) {
    socket.non_blocking(true);
    at = Endpoint(socket.local_endpoint().address(), socket.local_endpoint().port());
  }
  // The next datagram; `from` is then who sent it. Empty after half a second.
  asio::awaitable<std::string> hear() {
    std::string text(70000, '\0');
    for (int i = 0; i < 100; ++i) {
      error_code ec;
      const auto n = socket.receive_from(asio::buffer(text), from, 0, ec);
      if (!ec) co_return text.substr(0, n);
      co_await test::sleep_for(5ms);
    }
    co_return std::string();
  }
  void say(std::string_view text, const udp::endpoint& to) { socket.send_to(asio::buffer(text), to); }

  udp::socket socket;
  Endpoint at;
  udp::endpoint from;
};

void run(std::function<asio::awaitable<void>(asio::io_context&, std::shared_ptr<ScriptedNames>)> body) {
  test::run([&](asio::io_context& io) { return body(io, std::make_shared<ScriptedNames>()); });
}

}  // namespace

TEST_CASE("one port serves all peers, and whoever knows it is heard") {
  run([](asio::io_context& io, std::shared_ptr<ScriptedNames> names) -> asio::awaitable<void> {
    const auto flow = make_udp_flow(io.get_executor(), names);
    Peer a(io, "127.0.0.1"), b(io, "127.0.0.2"), stranger(io, "127.0.0.3");
    send(*flow, a.at, "to a");
    auto said = co_await a.hear();
    CHECK(said == "to a");
    send(*flow, b.at, std::string(60000, 'x'));
    said = co_await b.hear();
    CHECK(said == std::string(60000, 'x'));
    CHECK(a.from.port() == b.from.port());
    for (auto* peer : {&b, &stranger, &a}) {
      peer->say("hello", {asio::ip::make_address("127.0.0.1"), a.from.port()});
      const auto heard = co_await hear(*flow);
      CHECK(heard == peer->at.to_string() + " hello");
    }
  });
}

TEST_CASE("names are asked for once, and what waits for them is bounded") {
  run([](asio::io_context& io, std::shared_ptr<ScriptedNames> names) -> asio::awaitable<void> {
    const auto flow = make_udp_flow(io.get_executor(), names);
    Peer peer(io, "127.0.0.1");
    names->known["peer.test"] = {asio::ip::make_address("127.0.0.1")};
    const Endpoint named("peer.test", peer.at.port()), nobody("nobody.test", 9);
    for (int i = 0; i < 20; ++i) send(*flow, named, std::to_string(i));
    for (int i = 0; i < 8; ++i) {
      const auto said = co_await peer.hear();
      CHECK(said == std::to_string(i));
    }
    send(*flow, named, "later");
    const auto later = co_await peer.hear();
    CHECK(later == "later");
    CHECK(names->asked["peer.test"] == 1);
    for (int i = 0; i < 2; ++i) {  // a name that is not there, once for a while
      send(*flow, nobody, "lost");
      co_await test::sleep_for(60ms);
      CHECK(names->asked["nobody.test"] == 1);
    }
    for (int i = 0; i < 200; ++i) send(*flow, Endpoint("n" + std::to_string(i) + ".test", 9), "lost");
    CHECK(names->asked.size() <= 66);
    co_await test::sleep_for(60ms);
    for (int i = 0; i < 4; ++i)
      send(*flow, Endpoint("big" + std::to_string(i) + ".test", peer.at.port()), std::string(50000, 'x'));
    for (int i = 0; i < 4; ++i) names->known["big" + std::to_string(i) + ".test"] = {*peer.at.address()};
    for (int i = 0; i < 2; ++i) {
      const auto big = co_await peer.hear();
      CHECK(big.size() == 50000);
    }
    const auto more = co_await peer.hear();
    CHECK(more.empty());
  });
}

TEST_CASE("an address that cannot be sent to is passed over for the name's next one") {
  run([](asio::io_context& io, std::shared_ptr<ScriptedNames> names) -> asio::awaitable<void> {
    const auto flow = make_udp_flow(io.get_executor(), names);
    Peer peer(io, "127.0.0.1");
    const auto unusable = asio::ip::make_address("fe80::1");  // of no interface in particular
    names->known["next.test"] = {unusable, asio::ip::make_address("127.0.0.1")};
    send(*flow, Endpoint("next.test", peer.at.port()), "next");
    auto said = co_await peer.hear();
    CHECK(said == "next");
    names->known["both.test"] = {asio::ip::make_address("::1"), asio::ip::make_address("127.0.0.1")};
    send(*flow, Endpoint("both.test", peer.at.port()), "IPv4");
    said = co_await peer.hear();
    CHECK(said == "IPv4");
    names->known["mapped.test"] = {asio::ip::make_address("::ffff:127.0.0.1")};
    send(*flow, Endpoint("mapped.test", peer.at.port()), "mapped");
    said = co_await peer.hear();
    CHECK(said == "mapped");
  });
}

TEST_CASE("what is not admitted is neither sent nor heard") {
  run([](asio::io_context& io, std::shared_ptr<ScriptedNames> names) -> asio::awaitable<void> {
    Peer open(io, "127.0.0.1"), closed(io, "127.0.0.2");
    const auto flow = make_udp_flow(io.get_executor(), names,
                                    [&closed](std::vector<asio::ip::address> addresses, std::uint16_t) {
                                      std::erase(addresses, *closed.at.address());
                                      return addresses;
                                    });
    names->known["both.test"] = {*closed.at.address(), *open.at.address()};
    send(*flow, closed.at, "no");
    send(*flow, Endpoint("both.test", closed.at.port()), "no");
    send(*flow, open.at, "yes");
    auto said = co_await open.hear();
    CHECK(said == "yes");
    const udp::endpoint flow_at(asio::ip::make_address("127.0.0.1"), open.from.port());
    closed.say("no", flow_at);
    open.say("yes", flow_at);
    const auto heard = co_await hear(*flow);
    CHECK(heard == open.at.to_string() + " yes");
    said = co_await closed.hear();
    CHECK(said.empty());
  });
}

TEST_CASE("a peer that is not there, and too much for one datagram, harm nobody") {
  run([](asio::io_context& io, std::shared_ptr<ScriptedNames> names) -> asio::awaitable<void> {
    const auto flow = make_udp_flow(io.get_executor(), names);
    Peer peer(io, "127.0.0.1");
    send(*flow, *Endpoint::parse("127.0.0.1:9"), "nobody");
    send(*flow, peer.at, std::string(kMostPayload + 1, 'x'));
    send(*flow, Endpoint("127.0.0.1", 0), "no port");
    co_await test::sleep_for(20ms);
    send(*flow, peer.at, "here");
    auto said = co_await peer.hear();
    CHECK(said == "here");
    peer.say(std::string(65500, 'x'), peer.from);  // longer than a flow can take
    peer.say("back", peer.from);
    const auto heard = co_await hear(*flow);
    CHECK(heard == peer.at.to_string() + " back");
  });
}

TEST_CASE("a flow that is closed wakes who waits for it") {
  run([](asio::io_context& io, std::shared_ptr<ScriptedNames> names) -> asio::awaitable<void> {
    const auto flow = make_udp_flow(io.get_executor(), names);
    send(*flow, *Endpoint::parse("127.0.0.1:9"), "x");
    TaskGroup tasks(io.get_executor());
    tasks.spawn([](DatagramFlow& f) -> asio::awaitable<void> {
      co_await test::sleep_for(20ms);
      f.close();
    }(*flow));
    const auto heard = co_await hear(*flow);
    CHECK(heard.starts_with('!'));
    co_await tasks.join();
  });
}
