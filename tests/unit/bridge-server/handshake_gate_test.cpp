#include "bridge-server/listeners/handshake_gate.hpp"

#include <doctest.h>

using boost::asio::ip::make_address;
using surang::bridge::HandshakeGate;

TEST_CASE("handshakes of one address are bounded, and leaving makes room") {
  HandshakeGate gate;
  auto first = gate.enter(make_address("192.0.2.1"), 2);
  auto second = gate.enter(make_address("192.0.2.1"), 2);
  CHECK(first);
  CHECK(second);
  CHECK(!gate.enter(make_address("192.0.2.1"), 2));
  CHECK(gate.enter(make_address("192.0.2.2"), 2));
  second = {};
  CHECK(gate.enter(make_address("192.0.2.1"), 2));
  auto moved = std::move(first);
  CHECK(!first);
  auto third = gate.enter(make_address("192.0.2.1"), 2);
  CHECK(third);
  CHECK(!gate.enter(make_address("192.0.2.1"), 2));
}

TEST_CASE("one customer's IPv6 addresses count together, a mapped IPv4 address as itself") {
  HandshakeGate gate;
  const auto one = gate.enter(make_address("2001:db8:0:1::1"), 1);
  CHECK(!gate.enter(make_address("2001:db8:0:1:ffff::2"), 1));
  CHECK(gate.enter(make_address("2001:db8:0:2::1"), 1));
  const auto mapped = gate.enter(make_address("::ffff:192.0.2.1"), 1);
  CHECK(!gate.enter(make_address("192.0.2.1"), 1));
  CHECK(gate.enter(make_address("::ffff:192.0.2.2"), 1));
}
