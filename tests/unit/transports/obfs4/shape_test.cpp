// Hellos that a censor's rule lets go, whatever part of them is in the first segment, and that every server
// takes; and the plain ones, which it does not let go.
#include "transports/obfs4/shape.hpp"

#include <doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "tests/support/entropy_rule.hpp"
#include "tests/unit/transports/obfs4/bytes.hpp"
#include "transports/obfs4/draw.hpp"
#include "transports/obfs4/handshake.hpp"

using namespace surang;
using namespace surang::obfs4;
using surang::test::EntropyRule;

namespace {

using Bytes = std::vector<std::uint8_t>;

UserKey numbered_user(unsigned n) {
  UserKey user;
  user.secret[0] = static_cast<std::uint8_t>(n);
  user.secret[1] = static_cast<std::uint8_t>(n >> 8);
  return user;
}

Shape shape_of(unsigned user, Style style) {
  auto shape = shape_of_user(numbered_user(user));
  shape.style = style;
  return shape;
}

// A representative, the mark and the MAC are as random bytes, except for the key that is ground.
Bytes hello_like(const Shape& shape, std::span<const std::uint8_t, 32> representative) {
  const auto padding = shaped_padding(shape);
  REQUIRE(padding.size() >= 77);
  REQUIRE(padding.size() <= 8128);
  Bytes hello(32 + padding.size() + 32);
  draw(hello);
  std::ranges::copy(representative, hello.begin());
  std::ranges::copy(padding, hello.begin() + 32);
  return hello;
}

// What a censor sees first is as much as the path takes in one segment: 536 bytes are the least that TCP
// assumes.
bool passes(std::span<const std::uint8_t> hello) {
  for (const std::size_t segment : {536, 1380, 1448, 8192})
    if (EntropyRule(hello.first(std::min(segment, hello.size()))).blocked()) return false;
  return true;
}

Bytes32 random_representative() {
  Bytes32 out{};
  draw(out);
  return out;
}

}  // namespace

TEST_CASE("the rule knows its five exemptions by themselves") {
  Bytes noise(1000);
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<std::uint8_t>(i % 2 ? 0xf0 : 0x0f);
  CHECK(EntropyRule(noise).blocked());
  const auto with = [&noise](std::string_view text, std::size_t at) {
    auto changed = noise;
    std::ranges::copy(text, changed.begin() + static_cast<std::ptrdiff_t>(at));
    return EntropyRule(changed);
  };
  CHECK(with("abcdef", 0).printable_opening);
  CHECK(with("abcde", 0).blocked());
  CHECK(with("aaaaaaaaaaaaaaaaaaaaa", 500).printable_run);
  CHECK(with("aaaaaaaaaaaaaaaaaaaa", 500).blocked());
  CHECK(with("GET ", 0).known_protocol);
  CHECK(with("\x16\x03\x01", 0).known_protocol);
  CHECK(with("\x16\x03\x0a", 0).blocked());
  auto half = noise;
  for (std::size_t i = 0; i < 1000; i += 2) half[i] = 'w';  // six bits
  CHECK_FALSE(EntropyRule(half).mostly_printable);
  CHECK(EntropyRule(half).few_or_many_bits);
  half[1] = 'w';
  CHECK(EntropyRule(half).mostly_printable);
  CHECK(EntropyRule(Bytes(1000, 0x07)).few_or_many_bits);
  CHECK(EntropyRule(Bytes(1000, 0xf8)).few_or_many_bits);
}

TEST_CASE("of 10,000 hellos of each style none is blocked, of plain ones nearly all are") {
  for (const auto style : {Style::text, Style::phrase, Style::sparse, Style::dense}) {
    CAPTURE(static_cast<int>(style));
    int blocked = 0;
    for (unsigned i = 0; i < 10000; ++i)
      blocked += passes(hello_like(shape_of(i, style), random_representative())) ? 0 : 1;
    CHECK(blocked == 0);
  }
  int blocked = 0;
  for (int i = 0; i < 10000; ++i) {
    const auto hello = hello_like(Shape{}, random_representative());
    blocked +=
        EntropyRule(std::span(hello).first(std::min<std::size_t>(1448, hello.size()))).blocked() ? 1 : 0;
  }
  CHECK(blocked > 9900);
}

TEST_CASE("a ground opening passes with any padding") {
  std::set<Bytes32> keys;
  int blocked = 0;
  for (unsigned i = 0; i < 50; ++i) {
    const auto shape = shape_of(i, Style::opening);
    const auto key = shaped_keypair(shape);
    keys.insert(key.representative);
    for (int k = 0; k < 200; ++k) blocked += passes(hello_like(shape, key.representative)) ? 0 : 1;
  }
  CHECK(blocked == 0);
  CHECK(keys.size() == 50);
}

TEST_CASE("hellos of every style are taken by a server, and their answers by the client") {
  const auto identity = obfs4::vectors::vector_identity();
  for (unsigned user = 0; user < 30; ++user)
    for (const auto style :
         {Style::plain, Style::opening, Style::text, Style::phrase, Style::sparse, Style::dense}) {
      CAPTURE(static_cast<int>(style));
      if (style == Style::opening && user % 6 != 0) continue;
      ReplayFilter seen;
      ServerHandshake server(identity);
      ClientHandshake client(identity.node, shape_of(user, style), 1800000000);
      CHECK((style == Style::plain || passes(client.hello())));
      REQUIRE(server.feed(client.hello(), 1800000000, seen) == Progress::done);
      std::size_t consumed = 0;
      REQUIRE(client.feed(server.reply(), consumed) == Progress::done);
      CHECK(client.secret() == server.secret());
    }
}

TEST_CASE("a user keeps his style, users have different ones, and no two hellos are alike") {
  std::map<Style, int> users;
  for (unsigned n = 0; n < 500; ++n) {
    const auto shape = shape_of_user(numbered_user(n));
    CHECK(shape_of_user(numbered_user(n)).style == shape.style);
    CHECK(shape_of_user(numbered_user(n)).taste == shape.taste);
    ++users[shape.style];
  }
  CHECK(users.size() == 4);
  CHECK_FALSE(users.contains(Style::plain));
  CHECK_FALSE(users.contains(Style::opening));
  for (const auto& [style, n] : users) CHECK(n > 50);
  for (const auto style : {Style::text, Style::phrase, Style::sparse, Style::dense}) {
    std::set<Bytes> paddings;
    for (int i = 0; i < 200; ++i) paddings.insert(shaped_padding(shape_of(7, style)));
    CHECK(paddings.size() == 200);
  }
}

TEST_CASE("text differs from user to user, not only from one to the next") {
  // How often each byte comes in a user's text: far more alike within a user than between two.
  const auto shares = [](unsigned user) {
    std::array<double, 256> out{};
    double total = 0;
    for (int i = 0; i < 30; ++i)
      for (const auto byte : shaped_padding(shape_of(user, Style::text))) {
        ++out[byte];
        ++total;
      }
    for (auto& share : out) share /= total;
    return out;
  };
  const auto distance = [](const auto& a, const auto& b) {
    double sum = 0;
    for (std::size_t i = 0; i < 256; ++i) sum += std::abs(a[i] - b[i]);
    return sum;
  };
  for (unsigned user = 0; user < 20; ++user) {
    const auto own = shares(user);
    CHECK(distance(own, shares(user)) < 0.2);
    CHECK(distance(own, shares(user + 1)) > 0.3);
  }
}

TEST_CASE("shapes have names in a config") {
  const auto user = numbered_user(3);
  CHECK(shape_named("plain", user)->style == Style::plain);
  CHECK(shape_named("printable", user)->taste == shape_of_user(user).taste);
  CHECK_FALSE(shape_named("", user));
  CHECK_FALSE(shape_named("Plain", user));
}
