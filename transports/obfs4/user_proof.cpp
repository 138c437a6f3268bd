#include "transports/obfs4/user_proof.hpp"

#include <sodium/utils.h>

#include <algorithm>

namespace surang::obfs4 {

UserProof make_user_proof(const UserKey& user, std::span<const std::uint8_t, 32> binding) {
  std::array<std::uint8_t, 32> key{};
  derive_key(user.secret, "obfs4 user", key);
  const auto mac = hmac_sha256(key, binding);
  UserProof proof;
  const auto rest = std::copy(user.id.bytes.begin(), user.id.bytes.end(), proof.begin());
  std::copy(mac.begin(), mac.end(), rest);
  return proof;
}

std::optional<UserKey> user_of(const UserProof& proof, std::span<const std::uint8_t, 32> binding,
                               const UserDirectory& users) {
  UserId id;
  std::copy_n(proof.begin(), id.bytes.size(), id.bytes.begin());
  const auto user = users.find(id);
  UserKey nobody;
  nobody.id = id;
  const auto right = make_user_proof(user.value_or(nobody), binding);
  const bool same = sodium_memcmp(right.data(), proof.data(), proof.size()) == 0;
  return same ? user : std::nullopt;
}

}  // namespace surang::obfs4
