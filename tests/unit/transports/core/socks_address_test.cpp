#include "transports/core/socks_address.hpp"

#include <doctest.h>

#include "tests/support/hex.hpp"

using namespace surang;

namespace {

std::vector<std::uint8_t> written(const Endpoint& endpoint) {
  std::vector<std::uint8_t> out;
  socks_address::append(out, endpoint);
  return out;
}

}  // namespace

TEST_CASE("an address is written as RFC 1928 has it, and read again") {
  const std::pair<const char*, const char*> cases[] = {
      {"192.0.2.7:53", "01c00002070035"},
      {"[2001:db8::1]:443", "0420010db800000000000000000000000101bb"},
      {"a.test:1", "0306612e746573740001"},
  };
  for (const auto& [text, hex] : cases) {
    CAPTURE(text);
    const auto endpoint = *Endpoint::parse(text);
    auto bytes = written(endpoint);
    CHECK(test::hex(bytes) == hex);
    const auto size = bytes.size();
    for (std::size_t cut = 0; cut < size; ++cut) CHECK(!socks_address::parse(std::span(bytes).first(cut)));
    bytes.push_back(7);  // what follows is not its business
    const auto read = socks_address::parse(bytes);
    REQUIRE(read);
    CHECK(read->endpoint == endpoint);
    CHECK(read->size == size);
  }
}

TEST_CASE("what is no address, or a name that cannot be one, is refused") {
  for (const char* hex : {"00c00002070035", "02c00002070035", "0300003500", "0301200035", "03022e2e0035"}) {
    CAPTURE(hex);
    CHECK(!socks_address::parse(test::bytes_from_hex(hex)));
  }
}
