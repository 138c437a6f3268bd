// Questions to the real bridge about real sites: what it sees, what it does not look at, and how often it may
// be asked.
#include <doctest.h>

#include <boost/asio/use_awaitable.hpp>

#include "tests/integration/bridge-server/bridge_rig.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tls_server.hpp"
#include "transports/tcp/tcp_stream.hpp"
#include "transports/tls/tls_stream.hpp"

using namespace surang;
using namespace surang::test;
using namespace std::chrono_literals;
using asio::ip::tcp;
using tunnel::ReachAnswer;
using tunnel::Reached;

namespace {

// A TLS site on loopback with a certificate that nobody vouches for.
class TlsSite {
 public:
  explicit TlsSite(asio::io_context& io)
      : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), tasks_(io.get_executor()) {
    tasks_.spawn(accept());
  }
  Endpoint at(const std::string& host) const { return Endpoint(host, acceptor_.local_endpoint().port()); }
  int visits = 0;

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      tcp::socket peer = co_await acceptor_.async_accept(asio::use_awaitable);
      ++visits;
      tasks_.spawn(serve(make_tcp_stream(std::move(peer))));
    }
  }
  asio::awaitable<void> serve(StreamPtr peer) {
    tls::SslPtr ssl(SSL_new(server_.context.get()), SSL_free);
    SSL_set_accept_state(ssl.get());
    const auto stream = tls::TlsStream::make(std::move(peer), std::move(ssl));
    (void)co_await stream->handshake();
  }

  const TestServer server_ = make_tls_server("localhost");
  tcp::acceptor acceptor_;
  TaskGroup tasks_;
};

asio::awaitable<void> ask(BridgeClient& client, Endpoint to, std::vector<Result<ReachAnswer>>& into) {
  auto answer = co_await client.tunnel->reach(to);
  into.push_back(std::move(answer));
}

}  // namespace

TEST_CASE("the bridge tells what it sees of a site, and its bytes are the user's") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    TlsSite site(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    const auto early = co_await me.tunnel->reach(site.at("127.0.0.1"));
    CHECK(early.error() == Errc::no_route);
    const auto open = co_await me.open(echo.port());
    REQUIRE(open);

    const auto seen = co_await me.tunnel->reach(site.at("127.0.0.1"));
    REQUIRE_MESSAGE(seen.has_value(), seen.error().message());
    REQUIRE(seen->connected());
    CHECK(seen->connected()->address == asio::ip::make_address("127.0.0.1"));
    REQUIRE(seen->tls);
    CHECK(seen->tls->result == Reached::done);
    CHECK_FALSE(seen->tls->verified);
    CHECK(seen->tls->leaf != tunnel::Sha256{});
    CHECK(seen->tls->key != tunnel::Sha256{});
    const auto named = co_await me.tunnel->reach(site.at("localhost"));
    REQUIRE(named.has_value());
    CHECK(named->tls->key == seen->tls->key);
    // An echo server is no TLS; nobody listens at the port of one that is gone.
    const auto other = co_await me.tunnel->reach(Endpoint("127.0.0.1", echo.port()));
    REQUIRE(other.has_value());
    CHECK(other->tls->result == Reached::failed);
    std::uint16_t gone = 0;
    {
      EchoServer ended(io);
      gone = ended.port();
    }
    const auto refused = co_await me.tunnel->reach(Endpoint("127.0.0.1", gone));
    REQUIRE(refused.has_value());
    CHECK_FALSE(refused->works());

    const auto status = bridge.status();
    CHECK(status.at("questions").as_int64() == 4);
    CHECK(status.at("refused_questions").as_int64() == 0);
    CHECK(status.at("bytes_down").as_int64() > 4 * 100);
    // Nothing of it is told to the log.
    CHECK(bridge.log().find(std::to_string(site.at("localhost").port())) == std::string::npos);
  });
}

TEST_CASE("the bridge looks at nothing that it would not dial") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    const auto open = co_await me.open(echo.port());
    REQUIRE(open);
    for (const auto& to : {Endpoint("10.0.0.1", 443), Endpoint("169.254.169.254", 80), Endpoint("::1", 443),
                           Endpoint("192.168.1.1", 8080), Endpoint("127.0.0.1", 25)}) {
      const auto answer = co_await me.tunnel->reach(to);
      CHECK_MESSAGE(answer.error() == Errc::destination_denied, to.to_string());
      const auto connect = co_await me.refusal(to);
      CHECK(connect == Errc::destination_denied);
    }
    CHECK(bridge.status().at("refused_questions").as_int64() == 5);
  });
}

TEST_CASE("many questions about one site cost few looks, and a flood of them is refused") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    TlsSite site(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link("me")), too(io, bridge.link("me"));
    for (auto* client : {&me, &too}) {
      const auto open = co_await client->open(echo.port());
      REQUIRE(open);
    }
    std::vector<Result<ReachAnswer>> answers;
    TaskGroup group(io.get_executor());
    for (int i = 0; i < 60; ++i)
      for (auto* client : {&me, &too}) group.spawn(ask(*client, site.at("127.0.0.1"), answers));
    co_await group.join();
    REQUIRE(answers.size() == 120);
    int seen = 0, refused = 0;
    for (const auto& answer : answers) {
      seen += answer.has_value();
      refused += !answer && answer.error() == Errc::limit;
    }
    // Both sessions are one user's; time passes meanwhile.
    CHECK(seen >= 40);
    CHECK(seen < 80);
    CHECK(seen + refused == 120);
    CHECK(site.visits <= 2);  // one for each of the bridge's threads
    CHECK(bridge.status().at("refused_questions").as_int64() == refused);
    const auto still = co_await me.open(echo.port());
    CHECK(still);
  });
}
