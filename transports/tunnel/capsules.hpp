// The capsules of HTTP datagrams: type, length, value (RFC 9297 3.2), numbers as QUIC writes them;
// and what ours say (PROTOCOL.md, UDP). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "transports/core/datagram_flow.hpp"

namespace surang::tunnel {

inline constexpr std::uint64_t kDatagramCapsule = 0;  ///< RFC 9297 5.4
/// Of the values of DATAGRAM capsules (RFC 9298 4): those that begin with an address.
inline constexpr std::uint64_t kAddressedContext = 2;
inline constexpr std::size_t kMostCapsule = 1 + 259 + kMostPayload;  ///< bytes of a value that we look at

/// A whole DATAGRAM capsule with `payload`, which came from or goes to `peer`.
void append_datagram(std::vector<std::uint8_t>& to, const Endpoint& peer,
                     std::span<const std::uint8_t> payload);

struct AddressedDatagram {
  Endpoint peer;
  std::span<const std::uint8_t> payload;
};
/// The value of a DATAGRAM capsule; nothing where it is of another context, or none.
std::optional<AddressedDatagram> parse_datagram(std::span<const std::uint8_t> value);

/// Takes a stream of capsules apart, in whatever pieces it comes.
class CapsuleReader {
 public:
  /// Takes bytes off the front of `input`, which shrinks, until a DATAGRAM capsule is whole: its value, which
  /// holds until the next call. Nothing when all is taken. Capsules of other types are passed over unread,
  /// and so are DATAGRAM capsules longer than kMostCapsule (RFC 9297 3.3, 3.5).
  std::optional<std::span<const std::uint8_t>> next(std::span<const std::uint8_t>& input);

 private:
  enum class Field { type, length, value, skipped, given };
  std::optional<std::uint64_t> take_number(std::span<const std::uint8_t>& input);

  Field field_ = Field::type;
  std::vector<std::uint8_t> bytes_;  // of the present field
  std::uint64_t type_ = 0, left_ = 0;
};

}  // namespace surang::tunnel
