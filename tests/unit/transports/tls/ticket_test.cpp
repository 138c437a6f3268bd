// Key derivation and minted sessions against the vectors of PROTOCOL.md, and against OpenSSL.
#include "transports/tls/ticket.hpp"

#include <doctest.h>

#include <algorithm>
#include <ctime>
#include <numeric>
#include <string>

#include "transports/https/hello_profile.hpp"

using namespace surang;
using namespace surang::tls;

namespace {

template <std::size_t N>
std::array<std::uint8_t, N> counting(std::uint8_t from) {
  std::array<std::uint8_t, N> out{};
  std::iota(out.begin(), out.end(), from);
  return out;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (const auto b : bytes) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

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
  const auto context = https::make_hello_context(vector_user());
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
  CHECK(derived("ticket filler", 1) == "d8");
  std::array<std::uint8_t, 16> name_key{};
  derive_key(kBridgeKey, "ticket name", name_key);
  CHECK(hex(name_key) == "ad4c75889ea5b49c950a7239950542f6");
  const auto minted = mint_session(vector_user(), kBridgeKey, vector_seed());
  CHECK(hex(std::span(minted.ticket).first(16)) == "e82363ee359bc282e31b3393113ad704");
  CHECK(hex(minted.ticket) ==
        "e82363ee359bc282e31b3393113ad704c0c1c2c3c4c5c6c7c8c9cacbcccdcecf7af1ae6d0993cc22895cf032e6d48394088a"
        "fdf1b51f13bda10a8c3da25fc0b55f066e27aa0b621ffc50bef16cdee96597337971f697565a852c5660ebf503e993bf8c14"
        "84a78df2b76e2beca58877378fb917f38101bf5cc9d2ddb7f54328911cdf8c0d8459589f1ffaf4ee30c5e572d1ed27567ff1"
        "264e28fc3021bb8af8897821adb7edeba787ea7c1f3b59aa2de658fb7a1e556a841ef4fec26f27a711cf1bff8d85ff873808"
        "0e4c51de94ad81aeab2f33dff5153191f38dd5e9647f18872313caf13f59af824d41aa51e894522b00701bb2fc6953ffe735"
        "5d82f7993dbe");
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
}

TEST_CASE("hellos look like a browser's and differ between users in shape and size") {
  std::vector<std::size_t> sizes;
  for (std::uint8_t i = 0; i < 24; ++i) {
    auto user = vector_user();
    user.secret[5] = i;
    const auto context = https::make_hello_context(user);
    const auto seed = draw_session_seed(std::time(nullptr));
    const auto minted = mint_session(user, kBridgeKey, seed);
    sizes.push_back(minted.ticket.size());
  }
  const auto hello =
      hello_with(mint_session(vector_user(), kBridgeKey, draw_session_seed(std::time(nullptr))));
  CHECK(hello.cipher_suites.front() == 0x1301);
  CHECK(hello.alpn == std::vector<std::string>{"h2", "http/1.1"});
  CHECK(hello.supported_groups.front() == 0x001d);
  CHECK(hello.supported_versions == std::vector<std::uint16_t>{0x0304, 0x0303});
  CHECK(hello.signature_algorithms.front() == 0x0403);
  CHECK(hello.session_id.size() == 32);
  CHECK(hello.server_name == "www.example.org");
  CHECK(ja4(hello).substr(0, 4) == "t13d");
  std::sort(sizes.begin(), sizes.end());
  CHECK(sizes.front() != sizes.back());
}
