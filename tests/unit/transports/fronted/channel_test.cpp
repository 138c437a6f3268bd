// The two ends of a channel, and who is none.
#include "transports/fronted/channel.hpp"

#include <doctest.h>

#include "tests/support/hex.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/support/stream_words.hpp"
#include "transports/core/task_group.hpp"

using namespace surang;
using namespace surang::fronted;
using namespace surang::test;

namespace {

const auto kBridgeKeys = noise::Keypair::of(counting<32>(0x40));

UserKey channel_user(std::uint8_t from) {
  UserKey out;
  out.id.bytes = counting<8>(from);
  out.secret = counting<32>(from);
  return out;
}

SessionName name(std::uint8_t from = 1) {
  return counting<16>(from);
}

struct Outcome {
  Result<Authenticated> client = make_error_code(Errc::limit), bridge = client.error();
};

asio::awaitable<void> connect(StreamPtr raw, UserKey who, noise::Key to, SessionName session, Outcome& out) {
  out.client = co_await connect_channel(std::move(raw), who, to, session);
}

asio::awaitable<void> accept(StreamPtr raw, UserKey who, SessionName session, Outcome& out) {
  out.bridge = co_await accept_channel(std::move(raw), who, kBridgeKeys, session);
}

struct ChannelEnds {
  UserKey client = channel_user(1), expected = channel_user(1);
  noise::Key to = kBridgeKeys.public_key;
  SessionName session = name(), named = name();
};

asio::awaitable<void> meet(asio::io_context& io, ChannelEnds ends, std::size_t chunk, Outcome& out) {
  auto [a, b] = memory_stream_pair(io.get_executor(), chunk);
  TaskGroup tasks(io.get_executor());
  tasks.spawn(connect(std::move(a), ends.client, ends.to, ends.session, out));
  tasks.spawn(accept(std::move(b), ends.expected, ends.named, out));
  co_await tasks.join();
}

}  // namespace

TEST_CASE("client and bridge meet, know each other and share a binding of this connection alone") {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}})
    run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      std::array<std::array<std::uint8_t, 32>, 2> bindings{};
      for (auto& binding : bindings) {
        Outcome out;
        const ChannelEnds ends;
        co_await meet(io, ends, chunk, out);
        REQUIRE(out.client.has_value());
        REQUIRE(out.bridge.has_value());
        CHECK(out.bridge->user == channel_user(1).id);
        CHECK(out.client->binding == out.bridge->binding);
        binding = out.client->binding;
        TaskGroup tasks(io.get_executor());
        tasks.spawn(echo(*out.bridge->stream));
        tasks.spawn(say(*out.client->stream, "question", 100));
        const auto heard = co_await read_to_end(*out.client->stream);
        CHECK(heard == "question");
        co_await tasks.join();
      }
      CHECK(bindings[0] != bindings[1]);
    });
}

TEST_CASE("another user, another bridge or another session is none") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    ChannelEnds another_user, another_bridge, another_session;
    another_user.client = channel_user(2);
    another_bridge.to = noise::Keypair::of(counting<32>(0x41)).public_key;
    another_session.session = name(2);
    for (const auto& ends : {another_user, another_bridge, another_session}) {
      Outcome out;
      co_await meet(io, ends, SIZE_MAX, out);
      CHECK(out.client.has_error());
      REQUIRE(out.bridge.has_error());
      const bool known = ends.client == channel_user(2);
      CHECK((out.bridge.error() == (known ? Errc::proof_refused : Errc::protocol) ||
             (!known && out.bridge.error() == Errc::truncated)));
    }
  });
}

TEST_CASE("a hello that is cut or changed anywhere gets no answer") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, wire] = memory_stream_pair(io.get_executor());
    Outcome unused;
    TaskGroup tasks(io.get_executor());
    tasks.spawn(connect(std::move(a), channel_user(1), kBridgeKeys.public_key, name(), unused));
    std::string hello(2000, '\0');
    const auto size = co_await wire->read_some(asio::buffer(hello));
    hello.resize(*size);
    for (std::size_t at = 0; at < hello.size(); at += at < 150 ? 1 : 37)
      for (const bool cut : {false, true}) {
        auto [b, stranger] = memory_stream_pair(io.get_executor());
        auto said = cut ? hello.substr(0, at) : hello;
        if (!cut) said[at] = static_cast<char>(said[at] ^ 1);
        co_await put(*stranger, said);
        (void)co_await stranger->shutdown_write();
        Outcome out;
        co_await accept(std::move(b), channel_user(1), name(), out);
        CHECK(out.bridge.has_error());
        const auto heard = co_await read_to_end(*stranger);
        CHECK(heard.empty());
      }
    wire.reset();
    co_await tasks.join();
  });
}
