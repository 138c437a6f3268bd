// A user's id in 16 bytes that look drawn at random to everybody who does not know the bridge's public key,
// and are different every time: how a bridge learns at first sight whose keys to try. Names tickets (tls) and
// the sessions of fronted.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "transports/core/user.hpp"

namespace surang {

using MaskedId = std::array<std::uint8_t, 16>;

/// AES-128-ECB of id ‖ salt under derive_key(bridge_key, purpose) (PROTOCOL.md, keys). Throws
/// std::runtime_error only when the crypto library itself fails.
MaskedId mask_id(const UserId& id, const std::array<std::uint8_t, 8>& salt,
                 const std::array<std::uint8_t, 32>& bridge_key, std::string_view purpose);

/// The id that such bytes hide; of others, one that nobody has.
UserId unmask_id(const MaskedId& masked, const std::array<std::uint8_t, 32>& bridge_key,
                 std::string_view purpose);

}  // namespace surang
