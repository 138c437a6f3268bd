// Bytes as the tests of obfs4 write them, and the keys of the vectors in PROTOCOL.md.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "transports/obfs4/elligator2.hpp"
#include "transports/obfs4/identity.hpp"

namespace surang::obfs4::vectors {

template <std::size_t N>
std::array<std::uint8_t, N> counting(std::uint8_t from) {
  std::array<std::uint8_t, N> out{};
  std::iota(out.begin(), out.end(), from);
  return out;
}

inline std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (const auto b : bytes) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

template <std::size_t N = 32>
std::array<std::uint8_t, N> from_hex(std::string_view text) {
  if (text.size() != 2 * N) throw std::invalid_argument("wrong length of hex");
  std::array<std::uint8_t, N> out{};
  for (std::size_t i = 0; i < N; ++i)
    out[i] = static_cast<std::uint8_t>(std::stoi(std::string(text.substr(2 * i, 2)), nullptr, 16));
  return out;
}

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
