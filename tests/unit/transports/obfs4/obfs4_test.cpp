// The obfs4 transport end to end: who shows to be a user gets in, everybody else is shown nothing until a
// time that does not depend on what was said.
#include "tests/unit/transports/obfs4/obfs4_rig.hpp"

using namespace surang;
using namespace surang::obfs4;
using namespace surang::obfs4::test_rig;
using test::Bytes;

namespace {

// What a stranger who says `bytes` hears, and after how long it ends.
struct Heard {
  Bytes bytes;
  Clock::duration after{};
};

asio::awaitable<Heard> approach(asio::io_context& io, Bridge& bridge, Bytes bytes, bool ends) {
  auto [here, there] = test::memory_stream_pair(io.get_executor());
  const auto begun = Clock::now();
  bridge.tasks.spawn(bridge.take(std::move(there)));
  CHECK(!(co_await here->write_all(asio::buffer(bytes))).has_error());
  if (ends) CHECK(!(co_await here->shutdown_write()).has_error());
  Heard heard;
  heard.bytes = co_await test::read_all(*here);
  heard.after = Clock::now() - begun;
  if (!ends) CHECK(!(co_await here->shutdown_write()).has_error());
  co_await bridge.tasks.join();
  co_return heard;
}

void check_silent(const Heard& heard) {
  CHECK(heard.bytes.empty());
  CHECK(heard.after >= kSilence);
  CHECK(heard.after < kSilence + 2s);
}

// A client's first bytes as they go over the wire, without an answer.
Bytes hello_to(const Bridge& bridge) {
  ClientHandshake handshake(bridge.options.identity.node, Shape{}, std::time(nullptr));
  const auto hello = handshake.hello();
  return {hello.begin(), hello.end()};
}

}  // namespace

TEST_CASE("a user of obfs4 gets in, and both ends agree who it is and on the binding") {
  for (const auto* iat : {"0", "1", "2"})
    for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}, std::size_t{700}})
      test::run([iat, chunk](asio::io_context& io) -> asio::awaitable<void> {
        Bridge bridge(io, kLongIntroduction);
        test::Wire wire;
        auto [ours, theirs] = test::memory_stream_pair(io.get_executor(), chunk);
        wire.waiting.push_back(std::move(ours));
        auto spec = spec_of(bridge);
        spec.params["iat-mode"] = iat;
        const auto client = make_client(spec, wire);
        bridge.tasks.spawn(bridge.take(std::move(theirs)));
        auto connected = co_await client->connect();
        REQUIRE(connected.has_value());
        CHECK(wire.dialled == std::vector<Endpoint>{Endpoint("bridge.example", 9443)});
        co_await test::say(*connected->stream, "hello");
        co_await bridge.tasks.join();
        REQUIRE(bridge.accepted.size() == 1);
        CHECK(bridge.accepted[0].user == connected->user);
        CHECK(bridge.accepted[0].binding == connected->binding);
        CHECK(!connected->early_data);
        co_await test::hear(*bridge.accepted[0].stream, "hello");
        co_await test::say(*bridge.accepted[0].stream, "welcome");
        co_await test::hear(*connected->stream, "welcome");
        CHECK(bridge.counters.users == 1);
        CHECK(bridge.left_alone == 0);
      });
}

TEST_CASE("strangers of any length hear nothing from obfs4, for the same time") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    for (const std::size_t size : {0, 1, 64, 8191, 8192, 8193, 30'000})
      for (const bool ends : {false, true}) {
        const auto heard = co_await approach(io, bridge, Bytes(size, 0x5c), ends);
        check_silent(heard);
      }
    CHECK(bridge.counters.strangers == 14);
    CHECK(bridge.left_alone == 14);
    CHECK(bridge.counters.held == 0);
    for (const auto& error : bridge.errors) CHECK(error == Errc::proof_refused);
  });
}

TEST_CASE("a hello said again to obfs4 is a stranger's") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    const auto hello = hello_to(bridge);
    // The first time it is answered, though nobody shows to be a user behind it.
    const auto first = co_await approach(io, bridge, hello, false);
    CHECK(first.bytes.size() > 96);
    CHECK(bridge.counters.unknown_users == 1);
    const auto again = co_await approach(io, bridge, hello, false);
    check_silent(again);
    CHECK(bridge.counters.strangers == 1);
  });
}

TEST_CASE("who knows the certificate but is no user hears no more of obfs4 than its hello") {
  for (const bool removed : {false, true})
    test::run([removed](asio::io_context& io) -> asio::awaitable<void> {
      Bridge bridge(io, kLongIntroduction);
      bridge.users.removed = removed;
      test::Wire wire;
      auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
      wire.waiting.push_back(std::move(ours));
      const auto client = make_client(spec_of(bridge), wire, removed ? 1 : 2);
      const auto begun = Clock::now();
      bridge.tasks.spawn(bridge.take(std::move(theirs)));
      auto connected = co_await client->connect();
      REQUIRE(connected.has_value());
      co_await test::say(*connected->stream, std::string(5000, 'x'));
      const auto heard = co_await test::read_all(*connected->stream);
      CHECK(heard.empty());
      CHECK(Clock::now() - begun >= kSilence);
      connected->stream->close();
      co_await bridge.tasks.join();
      CHECK(bridge.accepted.empty());
      CHECK(bridge.counters.unknown_users == 1);
      CHECK(bridge.left_alone == 1);
    });
}

TEST_CASE("a client of obfs4 refuses whoever is not the bridge") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io), other(io);
    test::Wire wire;
    auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
    wire.waiting.push_back(std::move(ours));
    const auto client = make_client(spec_of(bridge), wire);
    Bytes noise(9000, 0x33);
    CHECK(!(co_await theirs->write_all(asio::buffer(noise))).has_error());
    auto connected = co_await client->connect();
    REQUIRE(connected.has_error());
    CHECK(connected.error() == Errc::proof_refused);
  });
}

TEST_CASE("obfs4 says what is wrong with a link's parameters") {
  const std::string cert = format_cert(server_identity().node);
  struct Wrong {
    std::map<std::string, std::string> params;
    std::string said;
  };
  const std::vector<Wrong> all = {
      {{}, "obfs4 needs cert="},
      {{{"cert", cert.substr(1)}}, "cert= is not"},
      {{{"cert", cert}, {"iat-mode", "3"}}, "iat-mode=3"},
      {{{"cert", cert}, {"iat-mode", "01"}}, "iat-mode=01"},
      {{{"cert", cert}, {"shape", "round"}}, "shape=round"},
  };
  test::Wire wire;
  for (const auto& wrong : all) {
    TransportSpec spec;
    spec.name = "obfs4";
    spec.params = wrong.params;
    BridgeIdentity identity;
    identity.hosts.push_back("bridge.example");
    std::string why;
    CHECK(make_transport_dialer(spec, identity, wire, why).has_error());
    CHECK_MESSAGE(why.find(wrong.said) != std::string::npos, why);
  }
}

TEST_CASE("how long a bridge stays silent is its own, and within a minute of the hello's time") {
  std::array<std::uint8_t, 32> a{}, b{};
  a.fill(1);
  b.fill(2);
  CHECK(options_from(a).silence.until_end == options_from(a).silence.until_end);
  CHECK(options_from(a).silence.until_end != options_from(b).silence.until_end);
  CHECK(options_from(a).shaping->seed == options_from(a).shaping->seed);
  for (std::uint8_t n = 0; n < 100; ++n) {
    a[5] = n;
    const auto silence = options_from(a).silence.until_end;
    CHECK(silence >= 30s);
    CHECK(silence < 90s);
  }
}
