// X25519 keys that travel as 32 uniformly random bytes: Elligator 2 (Bernstein, Hamburg, Krasnova, Lange
// 2013; RFC 9380 6.7.1), with keys that have a part of low order, so that also the point behind them looks
// like any point of the curve (PROTOCOL.md, obfs4).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace surang::obfs4 {

using Bytes32 = std::array<std::uint8_t, 32>;

struct Keypair {
  Bytes32 secret{};          ///< for X25519, not clamped
  Bytes32 public_key{};      ///< clamp(secret)·base + the low-order point that its three lowest bits name
  Bytes32 representative{};  ///< what is sent for it
};

/// Draws until the key has a representative (two draws on average). How long that takes tells nothing about
/// the key, but is best done before a peer can see it.
Keypair make_keypair();

/// The key that 64 bytes of a hash make: the first 32 are the secret, the last chooses among its
/// representatives. Nothing for the half of secrets that has none.
std::optional<Keypair> keypair_from(const std::array<std::uint8_t, 64>& digest);

/// Draws until `wanted` takes the representative, which costs a few microseconds a candidate (candidates
/// share a random start and are as hard to guess as that). `wanted` sees what will be public, and nothing
/// else.
Keypair grind_keypair(const std::function<bool(std::span<const std::uint8_t, 32>)>& wanted);

/// The public key that a representative stands for. Every 32 bytes are one; the two highest bits say nothing.
Bytes32 public_key_of(const Bytes32& representative);

}  // namespace surang::obfs4
