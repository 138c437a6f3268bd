// What the first request of a session carries to show that both ends of the channel are who they say
// (PROTOCOL.md, tunnel: proof).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "transports/core/user.hpp"

namespace surang::tunnel {

using ChannelBinding = std::array<std::uint8_t, 32>;

/// "Surang " + base64url(HMAC-SHA256(derive_key(secret, "tunnel auth"), binding ‖ "client")), without
/// padding.
std::string make_proof(const UserKey& user, const ChannelBinding& binding);

/// In constant time for a given length.
bool proof_holds(std::string_view proof, const UserKey& user, const ChannelBinding& binding);

}  // namespace surang::tunnel
