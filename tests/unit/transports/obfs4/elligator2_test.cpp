// Keys that look like noise: the map against RFC 9380, keys against PROTOCOL.md, X25519 with them, and what
// an observer sees of many.
#include "transports/obfs4/elligator2.hpp"

#include <doctest.h>
#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tests/unit/transports/obfs4/bytes.hpp"
#include "transports/obfs4/base_point.hpp"
#include "transports/obfs4/draw.hpp"

using namespace surang::obfs4;
using vectors::from_hex;
using vectors::hex;

namespace {

struct MapCase {
  const char *u, *x;  // big-endian
};

// RFC 9380 J.4.1 and J.4.2: u and the x of the point that it is mapped to.
constexpr std::array<MapCase, 15> kMapCases{{
    {"005fe8a7b8fef0a16c105e6cadf5a6740b3365e18692a9c05bfbb4d97f645a6a",
     "36b4df0c864c64707cbf6cf36e9ee2c09a6cb93b28313c169be29561bb904f98"},
    {"1347edbec6a2b5d8c02e058819819bee177077c9d10a4ce165aab0fd0252261a",
     "3fa114783a505c0b2b2fbeef0102853c0b494e7757f2a089d0daae7ed9a0db2b"},
    {"49bed021c7a3748f09fa8cdfcac044089f7829d3531066ac9e74e0994e05bc7d",
     "16b3d86e056b7970fa00165f6f48d90b619ad618791661b7b5e1ec78be10eac1"},
    {"5c36525b663e63389d886105cee7ed712325d5a97e60e140aba7e2ce5ae851b6",
     "7ec29ddbf34539c40adfa98fcb39ec36368f47f30e8f888cc7e86f4d46e0c264"},
    {"5e123990f11bbb5586613ffabdb58d47f64bb5f2fa115f8ea8df0188e0c9e1b5",
     "7a94d45a198fb5daa381f45f2619ab279744efdd8bd8ed587fc5b65d6cea1df0"},
    {"5e8553eb00438a0bb1e7faa59dec6d8087f9c8011e5fb8ed9df31cb6c0d4ac19",
     "30506fb7a32136694abd61b6113770270debe593027a968a01f271e146e60c18"},
    {"20f481e85da7a3bf60ac0fb11ed1d0558fc6f941b3ac5469aa8b56ec883d6d7d",
     "02d606e2699b918ee36f2818f2bc5013e437e673c9f9b9cdc15fd0c5ee913970"},
    {"017d57fd257e9a78913999a23b52ca988157a81b09c5442501d07fed20869465",
     "38920e9b988d1ab7449c0fa9a6058192c0c797bb3d42ac345724341a1aa98745"},
    {"608d892b641f0328523802a6603427c26e55e6f27e71a91a478148d45b5093cd",
     "51125222da5e763d97f3c10fcc92ea6860b9ccbbd2eb1285728f566721c1e65b"},
    {"46f5b22494bfeaa7f232cc8d054be68561af50230234d7d1d63d1d9abeca8da5",
     "7d56d1e08cb0ccb92baf069c18c49bb5a0dcd927eff8dcf75ca921ef7f3e6eeb"},
    {"235fe40c443766ce7e18111c33862d66c3b33267efa50d50f9e8e5d252a40aaa",
     "3fbe66b9c9883d79e8407150e7c2a1c8680bee496c62fabe4619a72b3cabe90f"},
    {"001e92a544463bda9bd04ddbe3d6eed248f82de32f522669efc5ddce95f46f5b",
     "227e0bb89de700385d19ec40e857db6e6a3e634b1c32962f370d26f84ff19683"},
    {"1a68a1af9f663592291af987203393f707305c7bac9c8d63d6a729bdc553dc19",
     "3bcd651ee54d5f7b6013898aab251ee8ecc0688166fce6e9548d38472f6bd196"},
    {"6412b7485ba26d3d1b6c290a8e1435b2959f03721874939b21782df17323d160",
     "71de3dadfe268872326c35ac512164850860567aea0e7325e6b91a98f86533ad"},
    {"24c7b46c1c6d9a21d32f5707be1380ab82db1054fde82865d5c9e3d968f287b2",
     "5704069021f61e41779e2ba6b932268316d6d2a6f064f997a22fef16d1eaeaca"},
}};

Bytes32 big_endian(std::string_view text) {
  auto bytes = from_hex(text);
  std::ranges::reverse(bytes);
  return bytes;
}

// u and -u are mapped to one x; a representative is the one below p/2.
Bytes32 representative_of(const Bytes32& u) {
  const auto field = decoded(u);
  return encoded(select(is_odd(sum(field, field)), reduced(negated(field)), field));
}

Bytes32 x25519(const Bytes32& secret, const Bytes32& point) {
  Bytes32 out{};
  REQUIRE(crypto_scalarmult(out.data(), secret.data(), point.data()) == 0);
  return out;
}

// The point itself, as RFC 8032 writes it.
Bytes32 edwards(const EdwardsPoint& point) {
  const auto z = inverse(point.z);
  auto out = encoded(product(point.y, z));
  out[31] |= is_odd(product(point.x, z)) & 0x80;
  return out;
}

Bytes32 random_bytes() {
  Bytes32 out{};
  draw(out);
  return out;
}

}  // namespace

TEST_CASE("representatives stand for the points that RFC 9380 maps them to") {
  for (const auto& [u, x] : kMapCases) {
    CAPTURE(u);
    const auto sent = representative_of(big_endian(u));
    CHECK((sent[31] & 0xc0) == 0);
    CHECK(hex(public_key_of(sent)) == hex(big_endian(x)));
  }
}

TEST_CASE("keys are those of PROTOCOL.md") {
  const auto client = vectors::drawn_from(0);
  CHECK(hex(client.secret) == "3d94eea49c580aef816935762be049559d6d1440dede12e6a125f1841fff8e6f");
  CHECK(hex(client.public_key) == "3d5a53fcc13c48756ed870c9a335cb5db4b702b38b1b943603610a3721ebdf7b");
  CHECK(hex(client.representative) == "ddce31cbfd1b76671f73229e432d1957e7e0730b4b775d2e5831725377430f4a");
  const auto server = vectors::drawn_from(1);
  CHECK(hex(server.secret) == "77788f1a0cea001a2631dae5d05dbd062008d5b30f50b9e29beb2a7822289004");
  CHECK(hex(server.public_key) == "926a46a569ca61223186407a44a96742943208428bb0c1b9d0e492df8cff6801");
  CHECK(hex(server.representative) == "e62837bd35bf302734448e719530f7a3b6cdeb250a2182eb926ea25ea9f13d7b");
}

TEST_CASE("multiples of the base point are libsodium's, with the low-order point that it adds") {
  auto secret = Bytes32{};
  for (int i = 0; i < 500; ++i) {
    secret = random_bytes();
    if (i < 16) secret.fill(static_cast<std::uint8_t>(i * 17));
    secret[0] = static_cast<std::uint8_t>((secret[0] & 0xf8) | (i & 7));
    CAPTURE(hex(secret));
    Bytes32 expected{};
    // Of all-zero scalars libsodium makes nothing.
    if (secret == Bytes32{}) continue;
    REQUIRE(crypto_scalarmult_ed25519_base(expected.data(), secret.data()) == 0);
    auto scalar = secret;
    scalar[0] &= 0xf8;
    scalar[31] = static_cast<std::uint8_t>((scalar[31] & 0x7f) | 0x40);
    REQUIRE(hex(edwards(base_times(scalar))) == hex(expected));
    const auto low_order = from_hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    for (int k = 0; k < (i & 7); ++k)
      REQUIRE(crypto_core_ed25519_add(expected.data(), expected.data(), low_order.data()) == 0);
    REQUIRE(hex(edwards(dirty_base_times(secret))) == hex(expected));
    CHECK((crypto_core_ed25519_is_valid_point(expected.data()) == 1) == ((i & 7) == 0));
  }
  for (const std::uint8_t small : {0, 1, 2, 7, 8, 9, 15, 16, 255}) {
    Bytes32 scalar{}, expected{};
    scalar[0] = small;
    expected[0] = 1;
    if (small != 0) REQUIRE(crypto_scalarmult_ed25519_base_noclamp(expected.data(), scalar.data()) == 0);
    CHECK(hex(edwards(base_times(scalar))) == hex(expected));
  }
}

TEST_CASE("keys agree with each other and with ordinary X25519 keys, whatever their low-order parts") {
  std::set<int> parts;
  // All pairs of parts come up in 500 draws nearly always.
  for (int i = 0; i < 500 || (parts.size() < 64 && i < 5000); ++i) {
    const auto a = make_keypair(), b = make_keypair();
    parts.insert((a.secret[0] & 7) * 8 + (b.secret[0] & 7));
    REQUIRE(hex(public_key_of(a.representative)) == hex(a.public_key));
    const auto shared = x25519(a.secret, b.public_key);
    REQUIRE(hex(x25519(b.secret, a.public_key)) == hex(shared));
    Bytes32 clean{};
    REQUIRE(crypto_scalarmult_base(clean.data(), b.secret.data()) == 0);
    REQUIRE(hex(x25519(a.secret, clean)) == hex(shared));
    REQUIRE((clean == b.public_key) == ((b.secret[0] & 7) == 0));
  }
  CHECK(parts.size() == 64);
}

TEST_CASE("half of the secrets have a representative, and each of its bits is as often set as not") {
  constexpr int kKeys = 4000;
  std::array<int, 256> set{};
  std::array<int, 8> parts{};
  for (int i = 0; i < kKeys; ++i) {
    const auto key = make_keypair();
    ++parts[key.secret[0] & 7];
    for (std::size_t bit = 0; bit < 256; ++bit) set[bit] += key.representative[bit / 8] >> (bit % 8) & 1;
  }
  // Six standard deviations: once in a million runs for any of them.
  for (const auto n : set) CHECK(std::abs(n - kKeys / 2) < 190);
  for (const auto n : parts) CHECK(std::abs(n - kKeys / 8) < 126);
  int representable = 0;
  for (int i = 0; i < kKeys; ++i) {
    std::array<std::uint8_t, 64> digest{};
    draw(digest);
    representable += keypair_from(digest).has_value() ? 1 : 0;
  }
  CHECK(std::abs(representable - kKeys / 2) < 190);
}

TEST_CASE("every string of 32 bytes is the representative of a point on the curve") {
  for (int i = 0; i < 2000; ++i) {
    auto sent = random_bytes();
    if (i < 256) sent.fill(static_cast<std::uint8_t>(i));
    CAPTURE(hex(sent));
    const auto key = public_key_of(sent);
    const auto u = decoded(key);
    const auto curve = product(u, reduced(sum(reduced(sum(square(u), times(u, 486662))), kOne)));
    REQUIRE(inverse_root(curve).square != 0);
    sent[31] ^= static_cast<std::uint8_t>(0x40 << (i & 1));
    REQUIRE(public_key_of(sent) == key);
  }
}

TEST_CASE("keys that are ground for what is sent are keys like others") {
  std::set<Bytes32> seen;
  for (int i = 0; i < 40; ++i) {
    int asked = 0;
    const auto key = grind_keypair([&asked, i](std::span<const std::uint8_t, 32> sent) {
      ++asked;
      return sent[0] == i;
    });
    CHECK(key.representative[0] == i);
    CHECK(asked < 256 * 40);
    CHECK(hex(public_key_of(key.representative)) == hex(key.public_key));
    const auto other = make_keypair();
    CHECK(hex(x25519(key.secret, other.public_key)) == hex(x25519(other.secret, key.public_key)));
    CHECK(seen.insert(key.public_key).second);
  }
}
