// Whose X-Forwarded-For is believed, and how far.
#include "bridge-server/listeners/trusted_edges.hpp"

#include <doctest.h>

#include "transports/core/endpoint.hpp"

using namespace surang;
using namespace surang::bridge;

namespace {

std::string client(const TrustedEdges& edges, std::string_view peer, std::string_view forwarded_for) {
  return edges.client(*address_literal(peer), forwarded_for).to_string();
}

}  // namespace

TEST_CASE("who is no edge is the client, whatever it says") {
  const TrustedEdges none({});
  CHECK(client(none, "192.0.2.1", "198.51.100.7") == "192.0.2.1");
  const TrustedEdges one({"10.0.0.0/8"});
  CHECK_FALSE(one.contains(*address_literal("192.0.2.1")));
  CHECK(client(one, "192.0.2.1", "198.51.100.7") == "192.0.2.1");
}

TEST_CASE("an edge tells the client's address, and what stands before that is the client's own claim") {
  const TrustedEdges edges({"10.0.0.0/8", "::1", "2001:db8:e::/48"});
  CHECK(edges.contains(*address_literal("::ffff:10.1.2.3")));
  CHECK(client(edges, "10.0.0.1", "198.51.100.7") == "198.51.100.7");
  CHECK(client(edges, "::ffff:10.0.0.1", "198.51.100.7") == "198.51.100.7");
  CHECK(client(edges, "10.0.0.1", "203.0.113.1, 198.51.100.7") == "198.51.100.7");
  CHECK(client(edges, "10.0.0.1", "203.0.113.1,198.51.100.7 ,\t2001:db8:e::5, 10.9.9.9") == "198.51.100.7");
  CHECK(client(edges, "::1", "2001:db8:c::1") == "2001:db8:c::1");
}

TEST_CASE("edges that write ports and brackets are understood, garbage ends the search") {
  const TrustedEdges edges({"10.0.0.0/8"});
  CHECK(client(edges, "10.0.0.1", "198.51.100.7:4711") == "198.51.100.7");
  CHECK(client(edges, "10.0.0.1", "[2001:db8::7]:4711") == "2001:db8::7");
  CHECK(client(edges, "10.0.0.1", "::ffff:198.51.100.7") == "198.51.100.7");
  for (const auto* garbage : {"", " ", ",", "unknown", "198.51.100.7, _hidden", "198.51.100.7,"})
    CHECK(client(edges, "10.0.0.1", garbage) == "10.0.0.1");
  CHECK(client(edges, "10.0.0.1", "unknown, 10.0.0.2") == "10.0.0.2");
}

TEST_CASE("a chain of edges without end is not followed") {
  const TrustedEdges edges({"10.0.0.0/8"});
  std::string chain = "198.51.100.7";
  for (int i = 0; i < 20; ++i) chain += ",10.0.0.2";
  CHECK(client(edges, "10.0.0.1", chain) == "10.0.0.2");
}
