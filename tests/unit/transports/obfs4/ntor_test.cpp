// The key exchange: the vector of PROTOCOL.md at both ends, and keys that make the secret known.
#include "transports/obfs4/ntor.hpp"

#include <doctest.h>

#include "tests/unit/transports/obfs4/bytes.hpp"

using namespace surang::obfs4;
using vectors::from_hex;
using vectors::hex;

TEST_CASE("both ends get the keys of PROTOCOL.md") {
  const auto server = vectors::vector_identity();
  const auto x = vectors::drawn_from(0), y = vectors::drawn_from(1);
  const auto at_client = ntor_client(server.node, x, y.public_key);
  const auto at_server = ntor_server(server, y, x.public_key);
  REQUIRE(at_client);
  REQUIRE(at_server);
  CHECK(hex(at_client->auth) == "aaef703487a0b5e5862e67d968296043c3d434b153e4a1651c6dcb5b6a28f85f");
  CHECK(hex(at_client->secret) ==
        "6b8fbdb1c9d35186c454dca1bbb2d44034ebbf5f62d799f445482641bc84c4b3c809a6ceffc273c1e55e058a58b2278a73b3"
        "fdc68752a126"
        "429a428c783a87ece15f81cc19a9da7f3f82c9ee3822b1466ff29a6d1106eca094aff7c834cd764a4b1b27f91cbe5c0a2fa3"
        "d07762cd29d7"
        "cd69af04ee86e9dade0dfd712b108d794321312e851ab1dd14e8898639c45007");
  CHECK(at_server->auth == at_client->auth);
  CHECK(at_server->secret == at_client->secret);
}

TEST_CASE("who lacks the long-term key, or is told another node id, gets other keys") {
  const auto server = vectors::vector_identity();
  const auto x = vectors::drawn_from(0), y = vectors::drawn_from(1);
  const auto good = ntor_client(server.node, x, y.public_key);
  REQUIRE(good);
  auto thief = server;
  thief.private_key[5] ^= 1;
  auto renamed = server;
  renamed.node.node_id[19] ^= 1;
  for (const auto& other : {thief, renamed}) {
    const auto result = ntor_server(other, y, x.public_key);
    REQUIRE(result);
    CHECK(result->auth != good->auth);
    CHECK(result->secret != good->secret);
  }
}

TEST_CASE("public keys of low order are refused at both ends") {
  const auto server = vectors::vector_identity();
  const auto ours = vectors::drawn_from(0);
  for (const auto* low : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    CAPTURE(low);
    CHECK_FALSE(ntor_client(server.node, ours, from_hex(low)));
    CHECK_FALSE(ntor_server(server, ours, from_hex(low)));
    auto weak = server.node;
    weak.public_key = from_hex(low);
    CHECK_FALSE(ntor_client(weak, ours, vectors::drawn_from(1).public_key));
  }
}
