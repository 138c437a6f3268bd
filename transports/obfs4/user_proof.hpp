// The first 40 bytes that a Surang client says inside obfs4: which user it is. obfs4 itself knows the bridge
// only, and a certificate that all users share (PROTOCOL.md, obfs4: user).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "transports/core/user.hpp"

namespace surang::obfs4 {

inline constexpr std::size_t kProofSize = 40;
using UserProof = std::array<std::uint8_t, kProofSize>;

/// id ‖ HMAC-SHA256(derive_key(secret, "obfs4 user"), binding).
UserProof make_user_proof(const UserKey& user, std::span<const std::uint8_t, 32> binding);

/// The user who made it; compared in constant time, and with the same work for an unknown id.
std::optional<UserKey> user_of(const UserProof& proof, std::span<const std::uint8_t, 32> binding,
                               const UserDirectory& users);

}  // namespace surang::obfs4
