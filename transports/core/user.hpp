// Who may use a bridge: an id and a secret, from which every per-transport key is derived (PROTOCOL.md,
// keys).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace surang {

struct UserId {
  std::array<std::uint8_t, 8> bytes{};
  friend auto operator<=>(const UserId&, const UserId&) = default;
};

struct UserKey {
  UserId id;
  std::array<std::uint8_t, 32> secret{};
  friend bool operator==(const UserKey&, const UserKey&) = default;
};

/// HKDF-SHA256(secret, salt empty, info = "surang 1 " + purpose) of out.size() bytes (RFC 5869).
/// Throws std::runtime_error only when the crypto library itself fails.
void derive_key(std::span<const std::uint8_t> secret, std::string_view purpose, std::span<std::uint8_t> out);

/// HMAC-SHA256 (RFC 2104).
std::array<std::uint8_t, 32> hmac_sha256(std::span<const std::uint8_t> key,
                                         std::span<const std::uint8_t> data);

/// The bridge's users, as the acceptors see them. Thread safe.
class UserDirectory {
 public:
  virtual ~UserDirectory() = default;
  /// The key of a user who may connect now; nothing for unknown, expired, used up or removed ones.
  virtual std::optional<UserKey> find(const UserId& id) const = 0;
};

}  // namespace surang
