// By what a bridge knows the first packet of a user's connection, before it says a word: the Initial's token
// (RFC 9000 17.2.2), which the client mints itself (PROTOCOL.md, quic: admission). Pure.
#pragma once

#include <ngtcp2/ngtcp2.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "transports/core/user.hpp"

namespace surang::quic {

/// Seconds by which the clocks of client and bridge may differ.
inline constexpr std::int64_t kClockSkew = 120;

struct Admission {
  static constexpr std::size_t kSize = 8 + 8 + 16;
  UserId user;
  std::int64_t minted = 0;              ///< unix seconds
  std::array<std::uint8_t, 16> seal{};  ///< different for every connection

  std::array<std::uint8_t, kSize> text() const;
  /// Nothing where it is none.
  static std::optional<Admission> parse(std::span<const std::uint8_t> token);

  /// For the connection that begins with this Destination Connection ID, which nobody else uses.
  static Admission mint(const UserKey& user, std::int64_t now, std::span<const std::uint8_t> connection);
  /// In constant time. Does not look at the time.
  bool holds(const UserKey& key, std::span<const std::uint8_t> connection) const;
  bool in_time(std::int64_t now) const noexcept;
};

/// A first packet of the right form, of whomever.
struct FirstPacket {
  ngtcp2_pkt_hd head;
  Admission admission;
  std::span<const std::uint8_t> connection() const noexcept { return {head.dcid.data, head.dcid.datalen}; }
};
/// `packet` is unscrambled; nothing where it is no Initial of QUIC v1 with an admission.
std::optional<FirstPacket> parse_first_packet(std::span<const std::uint8_t> packet);

std::int64_t unix_seconds();

}  // namespace surang::quic
