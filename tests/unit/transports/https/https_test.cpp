// The https transport end to end for its users: they get in with their first bytes in the first flight.
#include <chrono>
#include <ctime>

#include "tests/unit/transports/https/https_rig.hpp"
#include "tests/unit/transports/tcp/loopback.hpp"

using namespace surang;
using namespace surang::https;
using namespace surang::https::test_rig;

namespace {

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// A client of user 1 whose clock is wrong, with its first bytes sent.
std::unique_ptr<tls::TlsStream> client_at(std::int64_t time, StreamPtr raw) {
  std::array<std::uint8_t, 32> key{};
  key.fill(7);
  const auto minted = tls::mint_session(user_number(1), key, tls::draw_session_seed(time));
  // OpenSSL's client clock is right; the session's own time is what the client believes.
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  tls::SslPtr ssl(SSL_new(context.get()), SSL_free);
  const auto* der = minted.der.data();
  SSL_SESSION* session = d2i_SSL_SESSION(nullptr, &der, static_cast<long>(minted.der.size()));
  SSL_SESSION_set_time(session, static_cast<long>(std::time(nullptr)));
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>("\x02h2"), 3);
  SSL_set_session(ssl.get(), session);
  SSL_SESSION_free(session);
  SSL_set_connect_state(ssl.get());
  return tls::TlsStream::make(std::move(raw), std::move(ssl));
}

// Whether such a client gets in; nothing when the bridge's clock went on meanwhile.
asio::awaitable<std::optional<bool>> gets_in(asio::io_context& io, int skew) {
  Bridge bridge(io);
  const auto start = unix_now();
  auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
  auto here = client_at(start + skew, std::move(ours));
  co_await say(*here, "hello");
  bridge.tasks.spawn(bridge.take(std::move(theirs)));
  asio::steady_timer timer(io);
  while (bridge.accepted.empty() && bridge.counters.stale == 0) {
    timer.expires_after(1ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
  if (bridge.accepted.empty()) here->close(false);
  co_await bridge.tasks.join();
  const bool in = bridge.accepted.size() == 1;
  if (in) {
    CHECK(bridge.accepted[0].early_data);
    co_await hear(*bridge.accepted[0].stream, "hello");
  }
  CHECK(bridge.counters.stale == (in ? 0 : 1));
  co_return unix_now() == start ? std::optional(in) : std::nullopt;
}

}  // namespace

TEST_CASE("the first bytes of a user ride in one flight with the hello, and both ends agree who it is") {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}, std::size_t{100}})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      Bridge bridge(io);
      Wire wire;
      auto [ours, theirs] = test::memory_stream_pair(io.get_executor(), chunk);
      wire.waiting.push_back(std::move(ours));
      const auto client = make_client(wire);
      auto connected = co_await client->connect();
      REQUIRE(connected.has_value());
      auto here = std::move(*connected);
      CHECK(here.early_data);
      CHECK(wire.writes.empty());
      co_await say(*here.stream, "CONNECT first");

      // One write: a hello, and the early data right behind it.
      REQUIRE(wire.writes.size() == 1);
      tls::ClientHello hello;
      REQUIRE(tls::parse_client_hello(wire.writes[0], hello) == tls::HelloState::complete);
      CHECK(hello.early_data);
      CHECK(hello.server_name == kSite);
      CHECK(wire.writes[0].size() > hello.size + 13);

      bridge.tasks.spawn(bridge.take(std::move(theirs)));
      co_await bridge.tasks.join();
      REQUIRE(bridge.accepted.size() == 1);
      auto& there = bridge.accepted[0];
      CHECK(there.user == user_number(1).id);
      CHECK(there.binding == here.binding);
      CHECK(there.early_data);
      co_await hear(*there.stream, "CONNECT first");
      CHECK(bridge.counters.users == 1);
      if (chunk == SIZE_MAX) CHECK(bridge.site.connections == 0);

      co_await say(*there.stream, "200 at once");
      co_await hear(*here.stream, "200 at once");
      co_await say(*here.stream, std::string(100000, 'u'));
      co_await hear(*there.stream, std::string(100000, 'u'));
      co_await say(*there.stream, std::string(100000, 'd'));
      co_await hear(*here.stream, std::string(100000, 'd'));
      CHECK(!(co_await here.stream->shutdown_write()).has_error());
      const auto rest = co_await read_all(*there.stream);
      CHECK(rest.empty());
    });
}

TEST_CASE("two connections of a user have different bindings and different bytes") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto a = co_await record_flight(io, "same");
    const auto b = co_await record_flight(io, "same");
    tls::ClientHello first, second;
    tls::parse_client_hello(a, first);
    tls::parse_client_hello(b, second);
    CHECK(first.psk_identities[0].identity != second.psk_identities[0].identity);
    CHECK(first.psk_identities[0].obfuscated_age != second.psk_identities[0].obfuscated_age);
    CHECK(first.random != second.random);
  });
}

TEST_CASE("a clock wrong by less than two minutes gets in with early data, one wrong by more does not") {
  for (const int skew : {-100, 100, -119, 119, -121, 121})
    test::run(
        [skew](asio::io_context& io) -> asio::awaitable<void> {
          // At the edges a second decides: until one try begins and ends within the same.
          for (;;) {
            const auto in = co_await gets_in(io, skew);
            if (!in) continue;
            CHECK_MESSAGE(*in == (std::abs(skew) < 120), skew);
            co_return;
          }
        },
        60s);
}

TEST_CASE("a user's hello that comes in pieces gets in even though the cover site was asked meanwhile") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    const auto flight = co_await record_flight(io, "CONNECT late");
    auto [here, there] = test::memory_stream_pair(io.get_executor());
    bridge.tasks.spawn(bridge.take(std::move(there)));
    asio::steady_timer timer(io);
    for (std::size_t at = 0; at < flight.size(); at += 5) {
      const auto n = std::min<std::size_t>(5, flight.size() - at);
      CHECK(!(co_await here->write_all(asio::buffer(flight.data() + at, n))).has_error());
      if (at == 50 || at == 100) {
        timer.expires_after(80ms);
        co_await timer.async_wait(asio::use_awaitable);
      }
    }
    CHECK(!(co_await here->shutdown_write()).has_error());
    const auto answer = co_await read_all(*here);
    CHECK(answer.size() == flight.size());
    co_await bridge.tasks.join();
    // This site answers at once; that decides. Only about what a site is silent the bridge may change its
    // mind.
    CHECK(bridge.accepted.empty());
    CHECK(bridge.counters.strangers == 1);

    Bridge quiet(io, serve_silence);
    auto [mine, its] = test::memory_stream_pair(io.get_executor());
    quiet.tasks.spawn(quiet.take(std::move(its)));
    for (std::size_t at = 0; at < flight.size(); at += 100) {
      const auto n = std::min<std::size_t>(100, flight.size() - at);
      CHECK(!(co_await mine->write_all(asio::buffer(flight.data() + at, n))).has_error());
      timer.expires_after(5ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_await quiet.tasks.join();
    REQUIRE(quiet.accepted.size() == 1);
    CHECK(quiet.site.connections == 1);
    co_await hear(*quiet.accepted[0].stream, "CONNECT late");
  });
}

TEST_CASE("a user's hello in several TCP segments gets in past a silent cover site") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io, serve_silence);
    const auto flight = co_await record_flight(io, "CONNECT in pieces");
    auto [here, there] = test::tcp_pair(io);
    bridge.tasks.spawn(bridge.take(std::move(there)));
    asio::steady_timer timer(io);
    std::size_t at = 0;
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{4}, std::size_t{39}, std::size_t{300}, SIZE_MAX}) {
      const auto n = std::min(size, flight.size() - at);
      CHECK(!(co_await here->write_all(asio::buffer(flight.data() + at, n))).has_error());
      at += n;
      timer.expires_after(70ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_await bridge.tasks.join();
    REQUIRE(bridge.accepted.size() == 1);
    CHECK(bridge.accepted[0].early_data);
    co_await hear(*bridge.accepted[0].stream, "CONNECT in pieces");
    CHECK(bridge.counters.strangers == 0);
    REQUIRE(bridge.site.told.size() < flight.size());
    CHECK(std::equal(bridge.site.told.begin(), bridge.site.told.end(), flight.begin()));
  });
}

TEST_CASE("a transport that cannot be says why") {
  Wire wire;
  TransportSpec spec;
  BridgeIdentity bridge;
  std::string why;
  bridge.hosts.push_back("bridge.example");
  spec.name = "carrier-pigeon";
  CHECK(make_transport_dialer(spec, bridge, wire, why).error() == Errc::bad_input);
  CHECK(why == "this build has no transport 'carrier-pigeon'; it has: fronted https obfs4 quic");
  spec.name = "https";
  CHECK(!make_transport_dialer(spec, bridge, wire, why));
  CHECK(why == "https needs sni=, the name of the site the bridge shows to strangers");
  spec.params["sni"] = "192.0.2.1";
  CHECK(!make_transport_dialer(spec, bridge, wire, why));
  CHECK(why == "https: sni= must be a name, not an address");
  spec.params["sni"] = "exa mple";
  CHECK(!make_transport_dialer(spec, bridge, wire, why));
  spec.params["sni"] = "www.example.org";
  spec.params["alpn"] = "http/1.1";
  CHECK(!make_transport_dialer(spec, bridge, wire, why));
  spec.params["alpn"] = "h2";
  CHECK(make_transport_dialer(spec, bridge, wire, why).has_value());
  CHECK(transport_names() == std::vector<std::string_view>{"fronted", "https", "obfs4", "quic"});
}

TEST_CASE("the JA4 a link is said to have is that of the hellos it sends") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto flight = co_await record_flight(io, "CONNECT");
    tls::ClientHello hello;
    REQUIRE(tls::parse_client_hello(flight, hello) == tls::HelloState::complete);
    TransportSpec spec;
    spec.params["sni"] = kSite;
    BridgeIdentity bridge;
    bridge.public_key.fill(7);
    bridge.user = user_number(1);
    std::string why;
    CHECK(https::hello_ja4(spec, bridge, why).value() == tls::ja4(hello));
    spec.params.clear();
    CHECK(https::hello_ja4(spec, bridge, why).error() == Errc::bad_input);
    CHECK(why == "https needs sni=, the name of the site the bridge shows to strangers");
  });
}
