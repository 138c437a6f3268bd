#include "transports/tls/quic_hello.hpp"

#include <doctest.h>

#include "tests/support/hex.hpp"
#include "tests/support/quic_initial.hpp"

using namespace surang;
using namespace surang::tls;
using test::Bytes;
using State = QuicHello::State;

namespace {

std::string name_in(const Bytes& datagram) {
  QuicHello hello;
  return hello.feed(datagram) == State::complete ? hello.server_name() : "";
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace

TEST_CASE("the client's Initial packet of RFC 9001 A.2 is read") {
  const auto packet = test::quic_beginning("example.com");
  // Of the 1200 bytes that stand there, the ends.
  REQUIRE(packet.size() == 1200);
  CHECK(test::hex(std::span(packet).first(64)) ==
        "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"
        "d242b123dc9bd8bab936b47d92ec356c0bab7df5976d27cd449f63300099f399");
  CHECK(test::hex(std::span(packet).last(16)) == "e221af44860018ab0856972e194cd934");
  CHECK(name_in(packet) == "example.com");
}

TEST_CASE("both versions, whatever their fields are, and not without all of it") {
  const auto frames = test::crypto_frame(0, test::quic_hello("example.org"));
  for (const std::uint32_t version : {1u, 0x6b3343cfu})
    for (std::size_t number_size = 1; number_size <= 4; ++number_size) {
      test::InitialParts parts;
      parts.version = version;
      parts.number_size = number_size;
      parts.number = 0x7a;
      parts.own_id = Bytes(20, 9);
      parts.token = Bytes(100, 7);
      parts.id = Bytes(20, 3);
      const auto packet = test::seal_initial(parts, frames);
      CHECK(name_in(packet) == "example.org");
      CHECK(name_in(joined({packet, Bytes{0xd0, 0, 0, 0, 1, 1, 1, 1}})) ==
            "example.org");  // early data behind
      auto bent = packet;
      bent.back() ^= 1;
      CHECK(name_in(bent).empty());
      for (std::size_t cut = 0; cut < packet.size(); cut += 97)
        CHECK(name_in(Bytes(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(cut))).empty());
    }
}

TEST_CASE("a hello in pieces is put together, in any order, from frames, packets and datagrams") {
  const auto hello = test::quic_hello("example.net");
  const std::span bytes(hello);
  const auto a = test::crypto_frame(0, bytes.first(50)), b = test::crypto_frame(50, bytes.subspan(50, 100)),
             c = test::crypto_frame(140, bytes.subspan(140));
  const Bytes ping{1, 0, 0, 1};
  CHECK(name_in(test::seal_initial({}, joined({c, ping, a, b}))) == "example.net");
  test::InitialParts next;
  next.number = 3;
  CHECK(name_in(joined({test::seal_initial({}, joined({b, a}), 0), test::seal_initial(next, c, 0)})) ==
        "example.net");
  QuicHello reader;
  CHECK(reader.feed(test::seal_initial(next, joined({c, a}))) == State::need_more);
  CHECK(reader.feed(test::seal_initial(next, joined({c, a}))) == State::need_more);  // said again
  CHECK(reader.server_name().empty());
  CHECK(reader.feed(test::seal_initial({}, b)) == State::complete);
  CHECK(reader.server_name() == "example.net");
}

TEST_CASE("what begins no connection is said to be none at once") {
  Bytes short_header(1200, 0x41);
  Bytes other_version = test::quic_beginning("example.com");
  other_version[4] = 9;
  Bytes handshake = test::quic_beginning("example.com");
  handshake[0] |= 0x20;
  const auto hello = test::quic_hello("example.com");
  auto no_hello = hello;
  no_hello[0] = 2;
  for (const Bytes& datagram :
       {Bytes{}, Bytes{0xc0}, short_header, other_version, handshake,
        test::seal_initial({}, joined({Bytes{2, 0, 0, 0, 0}, test::crypto_frame(0, hello)})),  // acknowledges
        test::seal_initial({}, test::crypto_frame(0, no_hello)),
        test::seal_initial({}, test::crypto_frame(1u << 20, hello)),
        test::seal_initial({}, Bytes{6, 0, 0x7f, 0xff}),
        test::seal_initial({}, Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40}, 0)}) {  // half a number
    QuicHello reader;
    CHECK(reader.feed(datagram) == State::not_quic);
    CHECK(reader.feed(test::quic_beginning("example.com")) == State::not_quic);
  }
}
