// Client and server hellos: against each other, against hellos made by hand, and against everything that is
// none.
#include "transports/obfs4/handshake.hpp"

#include <doctest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "tests/unit/transports/obfs4/bytes.hpp"
#include "transports/core/user.hpp"
#include "transports/obfs4/draw.hpp"

using namespace surang;
using namespace surang::obfs4;
using vectors::hex;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::int64_t kNow = 1800000000;

void append(Bytes& to, std::span<const std::uint8_t> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

Bytes text(std::string_view characters) {
  return {characters.begin(), characters.end()};
}

// HM16 of PROTOCOL.md.
Bytes mac_of(const Bytes& data, const NodeIdentity& node) {
  Bytes key(node.public_key.begin(), node.public_key.end());
  append(key, node.node_id);
  const auto mac = hmac_sha256(key, data);
  return {mac.begin(), mac.begin() + 16};
}

// X'‖padding‖mark‖MAC, by hand.
Bytes sealed(Bytes hello, const NodeIdentity& node, std::string_view hour) {
  append(hello, mac_of(Bytes(hello.begin(), hello.begin() + 32), node));
  auto input = hello;
  append(input, text(hour));
  append(hello, mac_of(input, node));
  return hello;
}

Bytes hello_by_hand(const Bytes32& representative, std::size_t padding, std::string_view hour) {
  Bytes hello(representative.begin(), representative.end());
  for (std::size_t i = 0; i < padding; ++i) hello.push_back(static_cast<std::uint8_t>(i));
  return sealed(std::move(hello), vectors::vector_identity().node, hour);
}

Progress fed_whole(const Bytes& hello, std::int64_t now = kNow) {
  ReplayFilter seen;
  ServerHandshake server(vectors::vector_identity());
  return server.feed(hello, now, seen);
}

Bytes hello_of(const ClientHandshake& client) {
  return {client.hello().begin(), client.hello().end()};
}

}  // namespace

TEST_CASE("client and server agree, in whatever pieces their hellos come") {
  const auto identity = vectors::vector_identity();
  for (const std::size_t piece : {1, 7, 1448, 100000}) {
    for (int i = 0; i < (piece < 10 ? 4 : 40); ++i) {
      ReplayFilter seen;
      ServerHandshake server(identity);
      ClientHandshake client(identity.node, Shape{}, kNow);
      const auto hello = client.hello();
      CHECK(hello.size() >= 141);
      CHECK(hello.size() <= kMaxHello);
      auto progress = Progress::need_more;
      for (std::size_t n = 0; n < hello.size();) {
        REQUIRE(progress == Progress::need_more);
        n = std::min(n + piece, hello.size());
        progress = server.feed(hello.first(n), kNow, seen);
      }
      REQUIRE(progress == Progress::done);
      auto reply = server.reply();
      CHECK(reply.size() >= 96);
      CHECK(reply.size() <= kMaxHello - 45);
      const auto size = reply.size();
      reply.resize(size + 5000, 0x5a);  // frames
      progress = Progress::need_more;
      std::size_t consumed = 0;
      for (std::size_t n = 0; n < reply.size() && progress == Progress::need_more;) {
        n = std::min(n + piece, reply.size());
        progress = client.feed(std::span(reply).first(n), consumed);
      }
      REQUIRE(progress == Progress::done);
      CHECK(consumed == size);
      CHECK(hex(client.secret()) == hex(server.secret()));
    }
  }
}

TEST_CASE("the hello of PROTOCOL.md is taken, and so are the shortest and the longest") {
  const auto x = vectors::drawn_from(0).representative;
  const auto hello = hello_by_hand(x, 85, "500000");
  CHECK(hex(std::span(hello).last(32)) == "5cf1863069e22882624859a2d345c3738530d021276c1565a91366af637bbaf0");
  CHECK(fed_whole(hello) == Progress::done);
  CHECK(fed_whole(hello_by_hand(x, 77, "500000")) == Progress::done);
  CHECK(fed_whole(hello_by_hand(x, 8128, "500000")) == Progress::done);
  // Too short, which is not known to be all; too long.
  CHECK(fed_whole(hello_by_hand(x, 76, "500000")) == Progress::need_more);
  CHECK(fed_whole(hello_by_hand(x, 8129, "500000")) == Progress::failed);
}

TEST_CASE("the server's clock may be an hour off, and answers with the client's hour") {
  const auto identity = vectors::vector_identity();
  for (const std::int64_t off : {-2, -1, 0, 1, 2}) {
    ReplayFilter seen;
    ServerHandshake server(identity);
    ClientHandshake client(identity.node, Shape{}, kNow);
    const auto progress = server.feed(client.hello(), kNow + off * 3600, seen);
    CHECK(progress == (off * off > 1 ? Progress::failed : Progress::done));
    if (progress != Progress::done) continue;
    std::size_t consumed = 0;
    CHECK(client.feed(server.reply(), consumed) == Progress::done);
    // By hand: the same MAC over the hour in decimal.
    auto reply = server.reply();
    const Bytes mac(reply.end() - 16, reply.end());
    reply.resize(reply.size() - 16);
    append(reply, text("500000"));
    CHECK(hex(mac_of(reply, identity.node)) == hex(mac));
  }
}

TEST_CASE("a hello that was seen is nobody's, at its second end and beyond") {
  const auto identity = vectors::vector_identity();
  ReplayFilter seen;
  ClientHandshake client(identity.node, Shape{}, kNow);
  const auto feed = [&](std::int64_t now) {
    ServerHandshake server(identity);
    return server.feed(client.hello(), now, seen);
  };
  CHECK(feed(kNow) == Progress::done);
  CHECK(feed(kNow) == Progress::failed);
  CHECK(feed(kNow + 3600) == Progress::failed);
  CHECK(feed(kNow - 3600) == Progress::failed);
}

TEST_CASE("no hello that differs in a bit, or has more behind it, is a client's") {
  const auto hello = hello_by_hand(vectors::drawn_from(0).representative, 90, "500000");
  for (std::size_t at = 0; at < hello.size(); ++at) {
    auto changed = hello;
    changed[at] ^= static_cast<std::uint8_t>(1 << at % 8);
    // Where the mark no longer fits there may be more to come.
    const bool marked = at >= 32 && (at < hello.size() - 32 || at >= hello.size() - 16);
    CHECK(fed_whole(changed) == (marked ? Progress::failed : Progress::need_more));
  }
  auto longer = hello;
  longer.push_back(0);
  CHECK(fed_whole(longer) == Progress::need_more);
  longer.resize(kMaxHello - 1);
  CHECK(fed_whole(longer) == Progress::need_more);
  longer.resize(kMaxHello);
  CHECK(fed_whole(longer) == Progress::failed);
  longer.resize(kMaxHello + 1);
  CHECK(fed_whole(longer) == Progress::failed);
}

TEST_CASE("a refused hello uses nothing up, and a failure is final") {
  const auto identity = vectors::vector_identity();
  ReplayFilter seen;
  const auto hello = hello_by_hand(vectors::drawn_from(0).representative, 90, "500000");
  auto changed = hello;
  changed.back() ^= 1;
  ServerHandshake server(identity);
  CHECK(server.feed(changed, kNow, seen) == Progress::failed);
  CHECK(server.feed(hello, kNow, seen) == Progress::failed);
  CHECK(seen.size() == 0);
  ServerHandshake next(identity);
  CHECK(next.feed(hello, kNow, seen) == Progress::done);
}

TEST_CASE("a well-formed hello whose key is of low order is refused") {
  CHECK(fed_whole(hello_by_hand(Bytes32{}, 100, "500000")) == Progress::failed);
}

TEST_CASE("only the server that the cert names is believed") {
  const auto identity = vectors::vector_identity();
  ReplayFilter seen;
  ServerHandshake server(identity);
  ClientHandshake client(identity.node, Shape{}, kNow);
  REQUIRE(server.feed(client.hello(), kNow, seen) == Progress::done);
  const auto reply = server.reply();
  std::size_t consumed = 0;

  SUBCASE("a changed bit of AUTH, with the MAC made anew") {
    auto changed = Bytes(reply.begin(), reply.end() - 32);
    changed[40] ^= 1;
    CHECK(client.feed(sealed(changed, identity.node, "500000"), consumed) == Progress::failed);
    CHECK(client.feed(reply, consumed) == Progress::failed);
  }
  SUBCASE("the same with nothing changed is taken") {
    const Bytes body(reply.begin(), reply.end() - 32);
    CHECK(client.feed(sealed(body, identity.node, "500000"), consumed) == Progress::done);
  }
  SUBCASE("another hour") {
    const Bytes body(reply.begin(), reply.end() - 32);
    CHECK(client.feed(sealed(body, identity.node, "500001"), consumed) == Progress::failed);
  }
  SUBCASE("a server that knows the cert but not its key") {
    auto thief = identity;
    thief.private_key[7] ^= 4;
    ReplayFilter fresh;
    ServerHandshake other(thief);
    REQUIRE(other.feed(client.hello(), kNow, fresh) == Progress::done);
    CHECK(client.feed(other.reply(), consumed) == Progress::failed);
  }
  SUBCASE("8192 bytes without a mark") {
    Bytes noise(kMaxHello - 1, 0x33);
    CHECK(client.feed(noise, consumed) == Progress::need_more);
    noise.push_back(0x33);
    CHECK(client.feed(noise, consumed) == Progress::failed);
  }
}

TEST_CASE("the lengths of hellos are spread over all that they may have") {
  const auto identity = vectors::vector_identity();
  std::set<std::size_t> client_eighths, server_eighths;
  for (int i = 0; i < 200; ++i) {
    ReplayFilter seen;
    ServerHandshake server(identity);
    ClientHandshake client(identity.node, Shape{}, kNow);
    client_eighths.insert(hello_of(client).size() / 1024);
    REQUIRE(server.feed(client.hello(), kNow, seen) == Progress::done);
    server_eighths.insert(server.reply().size() / 1024);
  }
  CHECK(client_eighths.size() >= 8);
  CHECK(server_eighths.size() == 8);
}
