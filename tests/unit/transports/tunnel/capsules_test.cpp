#include "transports/tunnel/capsules.hpp"

#include <doctest.h>

#include <algorithm>
#include <string>

#include "tests/support/hex.hpp"
#include "transports/core/varint.hpp"

using namespace surang;
using namespace surang::tunnel;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

Bytes capsule(std::uint64_t type, const Bytes& value) {
  Bytes out;
  append_varint(out, type);
  append_varint(out, value.size());
  out.insert(out.end(), value.begin(), value.end());
  return out;
}

// "peer payload" of all that comes out when `input` comes in pieces of `step`.
std::vector<std::string> read_all(const Bytes& input, std::size_t step, CapsuleReader& reader) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < input.size(); at += step) {
    std::span<const std::uint8_t> piece(input.data() + at, std::min(step, input.size() - at));
    while (!piece.empty()) {
      const auto value = reader.next(piece);
      const auto datagram = value ? parse_datagram(*value) : std::nullopt;
      if (datagram)
        out.push_back(datagram->peer.to_string() + ' ' +
                      std::string(datagram->payload.begin(), datagram->payload.end()));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("numbers are those of RFC 9000, appendix A.1") {
  const std::pair<std::uint64_t, const char*> cases[] = {{151288809941952652u, "c2197c5eff14e88c"},
                                                         {494878333u, "9d7f3e7d"},
                                                         {15293u, "7bbd"},
                                                         {37u, "25"},
                                                         {63u, "3f"},
                                                         {64u, "4040"}};
  for (const auto& [value, hex] : cases) {
    Bytes out;
    append_varint(out, value);
    CHECK(test::hex(out) == hex);
  }
}

TEST_CASE("a datagram is the vector of PROTOCOL.md") {
  Bytes out;
  append_datagram(out, *Endpoint::parse("192.0.2.7:53"), bytes("hello"));
  CHECK(test::hex(out) == "000d0201c0000207003568656c6c6f");
}

TEST_CASE("capsules are taken apart however they are cut, and unknown ones are passed over") {
  Bytes all;
  const auto add = [&all](const Bytes& more) { all.insert(all.end(), more.begin(), more.end()); };
  append_datagram(all, *Endpoint::parse("a.test:1"), bytes("one"));
  add(capsule(0x1234567, Bytes(5000, 7)));
  append_datagram(all, *Endpoint::parse("[2001:db8::1]:2"), {});
  add(capsule(0, {}));                                 // no context
  add(capsule(0, bytes(std::string("\x00\x01", 2))));  // another one
  add(capsule(0, bytes("\x02\x05"
                       "nonsense")));
  add(capsule(0, Bytes(kMostCapsule + 1, 2)));  // too long for one
  append_datagram(all, *Endpoint::parse("192.0.2.1:3"), Bytes(2000, 'x'));
  const std::vector<std::string> expected{"a.test:1 one", "[2001:db8::1]:2 ",
                                          "192.0.2.1:3 " + std::string(2000, 'x')};
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{1000}, all.size()}) {
    CAPTURE(step);
    CapsuleReader reader;
    CHECK(read_all(all, step, reader) == expected);
  }
}

TEST_CASE("the longest payload goes, and one byte more does not") {
  for (const std::size_t size : {kMostPayload, kMostPayload + 1}) {
    Bytes all;
    append_datagram(all, *Endpoint::parse("192.0.2.1:3"), Bytes(size, 'x'));
    CapsuleReader reader;
    CHECK(read_all(all, all.size(), reader).size() == (size == kMostPayload ? 1 : 0));
  }
}
