// The vectors of PROTOCOL.md, obfs4, user; and who is taken for whom.
#include "transports/obfs4/user_proof.hpp"

#include <numeric>

#include "tests/support/transport_ends.hpp"
#include "tests/unit/transports/obfs4/bytes.hpp"

using namespace surang;
using namespace surang::obfs4;
using obfs4::vectors::from_hex;
using obfs4::vectors::hex;

TEST_CASE("a user's proof inside obfs4 is the one that is written down") {
  const auto session = from_hex<144>(
      "6b8fbdb1c9d35186c454dca1bbb2d44034ebbf5f62d799f445482641bc84c4b3c809a6ceffc273c1e55e058a58b2278a73b3fd"
      "c68752a126"
      "429a428c783a87ece15f81cc19a9da7f3f82c9ee3822b1466ff29a6d1106eca094aff7c834cd764a4b1b27f91cbe5c0a2fa3d0"
      "7762cd29d7"
      "cd69af04ee86e9dade0dfd712b108d794321312e851ab1dd14e8898639c45007");
  std::array<std::uint8_t, 32> binding{};
  derive_key(session, "obfs4 binding", binding);
  CHECK(hex(binding) == "7951775b5da706b399bd50975567866c41d52eb96519b7545f86f08799711cb9");
  UserKey user;
  std::iota(user.id.bytes.begin(), user.id.bytes.end(), std::uint8_t{0xa0});
  std::iota(user.secret.begin(), user.secret.end(), std::uint8_t{0});
  CHECK(hex(make_user_proof(user, binding)) ==
        "a0a1a2a3a4a5a6a76a1d35ba8bbf1478e5a1165c020973e4e49837a29d8255ccbecacb336fe46e78");
}

TEST_CASE("a proof inside obfs4 is one user's on one connection") {
  surang::test::Users users;
  std::array<std::uint8_t, 32> binding{};
  binding.fill(9);
  const auto proof = make_user_proof(surang::test::user_number(1), binding);
  const auto known = user_of(proof, binding, users);
  REQUIRE(known.has_value());
  CHECK(*known == surang::test::user_number(1));
  for (std::size_t at = 0; at < proof.size(); ++at) {
    auto changed = proof;
    changed[at] ^= 0x10;
    CHECK(!user_of(changed, binding, users));
  }
  auto other = binding;
  other[31] ^= 1;
  CHECK(!user_of(proof, other, users));
  CHECK(!user_of(make_user_proof(surang::test::user_number(2), binding), binding, users));
  UserKey nobody;  // an unknown id with the secret that is compared with in its place
  nobody.id = surang::test::user_number(2).id;
  CHECK(!user_of(make_user_proof(nobody, binding), binding, users));
  users.removed = true;
  CHECK(!user_of(proof, binding, users));
}
