#include "client/pt/ext_orport.hpp"

#include <doctest.h>

#include <algorithm>

#include "transports/core/user.hpp"

using namespace surang;
using namespace surang::client::pt;
using OrPortState = ExtOrPort::State;

namespace {

using namespace std::string_literals;

std::span<const std::uint8_t> orport_bytes(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

std::array<std::uint8_t, 32> filled(std::string_view with) {
  std::array<std::uint8_t, 32> out{};
  std::copy_n(with.begin(), out.size(), out.begin());
  return out;
}

const OrCookie kCookie = filled("Gliding wrapt in a brown mantle,");
const auto kClientNonce = "Who is the third who walks alway"s;
const auto kServerNonce = std::string(32, '.');

std::string hash(const std::string& what) {
  const auto text = "ExtORPort authentication " + what + " hash" + kClientNonce + kServerNonce;
  const auto mac = hmac_sha256(kCookie, orport_bytes(text));
  return {reinterpret_cast<const char*>(mac.data()), mac.size()};
}

// What a Tor that knows the cookie says up to the end of its authentication.
std::string tor_side() {
  return "\x02\x01\x00"s + hash("server-to-client") + kServerNonce + "\x01";
}

struct Fed {
  OrPortState state;
  error_code error;
  std::string said;
  std::size_t used;
  friend bool operator==(const Fed&, const Fed&) = default;
};

Fed feed_orport(std::string_view input, std::size_t step) {
  ExtOrPort port(kCookie, filled(kClientNonce), "192.0.2.1:5000", "obfs4");
  Fed out{OrPortState::talking, {}, {}, 0};
  while (port.state() == OrPortState::talking && out.used < input.size()) {
    out.used += port.feed(orport_bytes(input.substr(out.used, step)));
    out.said += port.take_output();
  }
  out.state = port.state();
  out.error = port.error();
  return out;
}

// The same whatever way the bytes are cut.
Fed feed_orport(std::string_view input) {
  const auto whole = feed_orport(input, input.size() + 1);
  CHECK(feed_orport(input, 1) == whole);
  CHECK(feed_orport(input, 7) == whole);
  return whole;
}

}  // namespace

TEST_CASE("the Extended ORPort is told who comes by which transport") {
  const auto metadata = "\0\x01\0\x0e"s + "192.0.2.1:5000" + "\0\x02\0\x05"s + "obfs4" + "\0\0\0\0"s;
  const auto said = "\x01" + kClientNonce + hash("client-to-server") + metadata;
  auto out = feed_orport(tor_side() + "\x10\0\0\0more"s);
  CHECK(out.state == OrPortState::open);
  CHECK(out.said == said);
  CHECK(out.used == tor_side().size() + 4);
  // Commands that are not known go before, and an OKAY with a body.
  out = feed_orport(tor_side() + "\x10\x02\0\x03xyz\x10\0\0\x02okmore"s);
  CHECK(out.state == OrPortState::open);
  CHECK(out.used == tor_side().size() + 4 + 3 + 4 + 2);
  CHECK(feed_orport(tor_side()).state == OrPortState::talking);
}

TEST_CASE("the hashes are those of goptlib's tests") {
  // HMAC over the label and 64 zero bytes, by a cookie of zeros; the same numbers as of any other library.
  const auto text = "ExtORPort authentication server-to-client hash" + std::string(64, '\0');
  const auto mac = hmac_sha256(OrCookie{}, orport_bytes(text));
  CHECK(mac[0] == 0x9e);
  CHECK(mac[31] == 0xd8);
}

TEST_CASE("an Extended ORPort that does not fit is left alone") {
  CHECK(feed_orport("\x02\x03\x00"s).error == Errc::protocol);
  CHECK(feed_orport(std::string(300, '\x02')).error == Errc::protocol);
  // Who does not know the cookie is told nothing of it.
  auto out = feed_orport("\x01\x00"s + std::string(64, 'x'));
  CHECK(out.error == Errc::proof_refused);
  CHECK(out.said.size() == 1 + 32);
  auto rejected = tor_side();
  rejected.back() = '\0';
  out = feed_orport(rejected);
  CHECK(out.error == Errc::proof_refused);
  CHECK(feed_orport(tor_side() + "\x10\x01\0\0"s).error == Errc::destination_denied);
  std::string endless;
  for (int i = 0; i < 100; ++i) endless += "\x20\0\0\0"s;
  CHECK(feed_orport(tor_side() + endless).error == Errc::protocol);
}

TEST_CASE("the cookie file of the Extended ORPort") {
  const auto head = "! Extended ORPort Auth Cookie !\n"s;
  const auto cookie = parse_or_cookie(head + "Gliding wrapt in a brown mantle,");
  REQUIRE(cookie.has_value());
  CHECK(*cookie == kCookie);
  CHECK(!parse_or_cookie(head + std::string(31, 'x')));
  CHECK(!parse_or_cookie(head + std::string(33, 'x')));
  CHECK(!parse_or_cookie("! Extended ORPort Auth Cookie !\r" + std::string(32, 'x')));
  CHECK(!parse_or_cookie(""));
}
