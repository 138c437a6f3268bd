#include "transports/quic/admission.hpp"

#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "transports/quic/ngtcp2_compat.hpp"

namespace surang::quic {
namespace {

std::array<std::uint8_t, 16> seal_of(const UserKey& user, std::uint64_t minted,
                                     std::span<const std::uint8_t> connection) {
  std::array<std::uint8_t, 32> key;
  derive_key(user.secret, "quic admission", key);
  std::vector<std::uint8_t> sealed(user.id.bytes.begin(), user.id.bytes.end());
  for (int shift = 56; shift >= 0; shift -= 8) sealed.push_back(static_cast<std::uint8_t>(minted >> shift));
  sealed.insert(sealed.end(), connection.begin(), connection.end());
  const auto digest = hmac_sha256(key, sealed);
  sodium_memzero(key.data(), key.size());
  std::array<std::uint8_t, 16> seal;
  std::copy_n(digest.begin(), seal.size(), seal.begin());
  return seal;
}

}  // namespace

std::array<std::uint8_t, Admission::kSize> Admission::text() const {
  std::array<std::uint8_t, kSize> out;
  auto* at = std::ranges::copy(user.bytes, out.begin()).out;
  for (int shift = 56; shift >= 0; shift -= 8)
    *at++ = static_cast<std::uint8_t>(static_cast<std::uint64_t>(minted) >> shift);
  std::ranges::copy(seal, at);
  return out;
}

std::optional<Admission> Admission::parse(std::span<const std::uint8_t> token) {
  if (token.size() != kSize) return std::nullopt;
  Admission out;
  std::copy_n(token.begin(), 8, out.user.bytes.begin());
  std::uint64_t minted = 0;
  for (const auto byte : token.subspan(8, 8)) minted = minted << 8 | byte;
  out.minted = static_cast<std::int64_t>(minted);
  std::copy_n(token.begin() + 16, 16, out.seal.begin());
  return out;
}

Admission Admission::mint(const UserKey& user, std::int64_t now, std::span<const std::uint8_t> connection) {
  Admission out;
  out.user = user.id;
  out.minted = now;
  out.seal = seal_of(user, static_cast<std::uint64_t>(now), connection);
  return out;
}

bool Admission::holds(const UserKey& key, std::span<const std::uint8_t> connection) const {
  const auto expected = seal_of(key, static_cast<std::uint64_t>(minted), connection);
  return key.id == user && sodium_memcmp(expected.data(), seal.data(), seal.size()) == 0;
}

bool Admission::in_time(std::int64_t now) const noexcept {
  return minted >= now - kClockSkew && minted <= now + kClockSkew;
}

std::optional<FirstPacket> parse_first_packet(std::span<const std::uint8_t> packet) {
  FirstPacket first{};
  if (ngtcp2_accept(&first.head, packet.data(), packet.size()) != 0) return std::nullopt;
  const auto admission = Admission::parse(compat::token_of(first.head));
  if (!admission || first.head.version != NGTCP2_PROTO_VER_V1) return std::nullopt;
  first.admission = *admission;
  return first;
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace surang::quic
