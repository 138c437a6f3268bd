// Key derivation and minted sessions against the vectors of PROTOCOL.md, and against OpenSSL.
#include "transports/tls/ticket.hpp"

#include <doctest.h>

#include <algorithm>
#include <ctime>
#include <set>
#include <string>

#include "tests/support/hex.hpp"
#include "transports/tls/hello_profile.hpp"

using namespace surang;
using namespace surang::tls;
using test::counting;
using test::hex;

namespace {

// The inputs of the vectors in PROTOCOL.md.
UserKey vector_user() {
  UserKey user;
  user.id.bytes = counting<8>(0xa0);
  user.secret = counting<32>(0x00);
  return user;
}
const auto kBridgeKey = counting<32>(0x40);

SessionSeed vector_seed() {
  SessionSeed seed;
  seed.name_salt = counting<8>(0xb0);
  seed.iv = counting<16>(0xc0);
  seed.psk = counting<32>(0xd0);
  seed.age_add = 0x89abcdef;
  seed.time = 1800000000;
  return seed;
}

class Users final : public UserDirectory {
 public:
  std::optional<UserKey> find(const UserId& id) const override {
    return id == vector_user().id ? std::optional(vector_user()) : std::nullopt;
  }
};

std::string derived(std::string_view purpose, std::size_t size) {
  std::vector<std::uint8_t> out(size);
  derive_key(vector_user().secret, purpose, out);
  return hex(out);
}

// The hello OpenSSL sends when it resumes `minted`.
ClientHello hello_with(const MintedSession& minted) {
  const auto context = make_hello_context(vector_user());
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  const auto* der = minted.der.data();
  const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
      d2i_SSL_SESSION(nullptr, &der, static_cast<long>(minted.der.size())), SSL_SESSION_free);
  REQUIRE(session);
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>("\x02h2\x08http/1.1"), 12);
  SSL_set_tlsext_host_name(ssl.get(), "www.example.org");
  REQUIRE(SSL_set_session(ssl.get(), session.get()) == 1);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_connect_state(ssl.get());
  std::size_t written = 0;
  CHECK(SSL_write_early_data(ssl.get(), "CONNECT", 7, &written) == 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out, &data);
  ClientHello hello;
  REQUIRE(parse_client_hello({reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)},
                             hello) == HelloState::complete);
  return hello;
}

}  // namespace

TEST_CASE("keys and tickets are those of PROTOCOL.md") {
  CHECK(derived("ticket encryption", 32) ==
        "734593a49620a15f18ff5a1a27fe9f0d63789202a4b23c00e40e40e8944027d5");
  CHECK(derived("ticket mac", 32) == "ccd87cd45fd587839c8ef96d27ea2f15430079b65463ba739e36e4169a0278e6");
  CHECK(derived("tunnel auth", 32) == "439ac02bb1ae81e3fdd537a1fe49088f1db91a47553c462d8ceb740e3179379b");
  std::array<std::uint8_t, 1> filler{};
  derive_key(kBridgeKey, "ticket filler", filler);
  CHECK(hex(filler) == "4e");
  std::array<std::uint8_t, 16> name_key{};
  derive_key(kBridgeKey, "ticket name", name_key);
  CHECK(hex(name_key) == "ad4c75889ea5b49c950a7239950542f6");
  const auto minted = mint_session(vector_user(), kBridgeKey, vector_seed());
  CHECK(hex(std::span(minted.ticket).first(16)) == "e82363ee359bc282e31b3393113ad704");
  CHECK(hex(minted.ticket) ==
        "e82363ee359bc282e31b3393113ad704c0c1c2c3c4c5c6c7c8c9cacbcccdcecf8b3e97c066278f49fa341dc124264ae0cc43"
        "4c811035203fe025f3dca218578b7bb26a2ff575836afbc0976c97bb2db30d2996e68115582e538128552357ed35c4376b08"
        "5a2d007eb55ee030548bfb96fbf851808b10b46ee1e222ea2b72258de51834d954e60d821bc3a272f455cbcd473aa078f8ef"
        "279f996a8ec321f8e60ed2b4fd6dc9141b3547fbb917180404e8c7dc7446a16977ada9c6ca94ac87dee40ab010b57781c64d"
        "712da4b104ac12c6722a27b12d8e3d821809b3a8b729fbef54f222e2742927613ad8cc1db9c400b6cb984d03e140595909a4"
        "3dee8bfaba7c0ec547e47f4fff89194a4ff644f76f2f");
  CHECK(hex(session_binding(vector_seed().psk)) ==
        "06b9cda6886d073c54b9c72eddfcccfd945eecc90e0de36fc93d6b3c72bbde60");
}

TEST_CASE("a ticket opens for its user on its bridge, and no changed one does") {
  const auto minted = mint_session(vector_user(), kBridgeKey, vector_seed());
  const auto opened = open_ticket(minted.ticket, kBridgeKey, Users());
  REQUIRE(opened);
  CHECK(opened->user == vector_user());
  CHECK(opened->psk == vector_seed().psk);
  CHECK(opened->time == vector_seed().time);
  CHECK(std::equal(opened->key_name.begin(), opened->key_name.end(), minted.ticket.begin()));
  CHECK(!open_ticket(minted.ticket, counting<32>(0x41), Users()));
  for (std::size_t bit = 0; bit < minted.ticket.size() * 8; ++bit) {
    auto changed = minted.ticket;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
    CHECK(!open_ticket(changed, kBridgeKey, Users()));
  }
  for (std::size_t n = 0; n < minted.ticket.size(); ++n)
    CHECK(!open_ticket(std::span(minted.ticket).first(n), kBridgeKey, Users()));
  auto other = vector_user();
  other.secret[0] ^= 1;
  CHECK(!open_ticket(mint_session(other, kBridgeKey, vector_seed()).ticket, kBridgeKey, Users()));
}

TEST_CASE("the binder OpenSSL writes is checked as OpenSSL would, every bit of the hello") {
  const auto seed = draw_session_seed(std::time(nullptr));
  const auto minted = mint_session(vector_user(), kBridgeKey, seed);
  const auto hello = hello_with(minted);
  REQUIRE(hello.psk_identities.size() == 1);
  CHECK(hello.psk_identities[0].identity == minted.ticket);
  CHECK(hello.early_data);
  CHECK(binder_holds(hello, seed.psk));
  CHECK(!binder_holds(hello, vector_seed().psk));
  for (std::size_t i = 0; i < hello.message.size(); ++i) {
    auto changed = hello;
    changed.message[i] ^= 4;
    if (i < hello.binders_at) CHECK(!binder_holds(changed, seed.psk));
  }
  auto changed = hello;
  changed.psk_binders[0][31] ^= 1;
  CHECK(!binder_holds(changed, seed.psk));
  CHECK(!binder_holds(ClientHello(), seed.psk));
  auto elsewhere = hello;
  elsewhere.record_version = 0x0303;
  CHECK(!binder_holds(elsewhere, seed.psk));
}

TEST_CASE("tickets of a bridge have one length, those of different bridges different ones") {
  std::set<std::size_t> lengths;
  for (std::uint8_t b = 0; b < 24; ++b) {
    const auto bridge = counting<32>(b);
    std::set<std::size_t> here;
    for (std::uint8_t i = 0; i < 24; ++i) {
      auto user = vector_user();
      user.secret[5] = i;
      auto seed = draw_session_seed(1800000000 + i);
      if (i < 5) seed.age_add = i == 0 ? 0 : 0x7fU << 8 * (i - 1);
      const auto minted = mint_session(user, bridge, seed);
      here.insert(minted.ticket.size());
    }
    CHECK(here.size() == 1);
    lengths.insert(here.begin(), here.end());
  }
  CHECK(lengths.size() >= 4);
}
