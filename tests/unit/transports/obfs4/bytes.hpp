// Bytes as the tests of obfs4 write them, and the keys of the vectors in PROTOCOL.md.
#pragma once

#include <openssl/sha.h>

#include "tests/support/hex.hpp"
#include "transports/obfs4/elligator2.hpp"
#include "transports/obfs4/identity.hpp"

namespace surang::obfs4::vectors {

using test::counting;
using test::from_hex;
using test::hex;

/// The key pair of the draw `from`, `from` + 1, ... Throws when it has none.
inline Keypair drawn_from(std::uint8_t from) {
  const auto draw = counting<32>(from);
  std::array<std::uint8_t, 64> digest{};
  SHA512(draw.data(), draw.size(), digest.data());
  return keypair_from(digest).value();
}

inline ServerIdentity vector_identity() {
  ServerIdentity server;
  server.node.node_id = counting<20>(0xa0);
  server.node.public_key = from_hex("79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a");
  server.private_key = counting<32>(0x40);
  return server;
}

}  // namespace surang::obfs4::vectors
