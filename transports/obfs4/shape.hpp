// What a client hello looks like. Plain ones are random bytes, which a censor may block for just that (Wu et
// al., USENIX Security 2023). The others keep to one of that censor's exemptions and are taken by every obfs4
// server, since the client's padding, and to a degree its key, are its own choice (PROTOCOL.md, obfs4).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "transports/core/user.hpp"
#include "transports/obfs4/elligator2.hpp"
#include "transports/obfs4/identity.hpp"

namespace surang::obfs4 {

enum class Style : std::uint8_t {
  plain,    ///< random padding of any length, as every obfs4 client has it
  opening,  ///< the first bytes are printable; random after that
  text,     ///< most of the padding is lines of text
  phrase,   ///< a run of text stands in the first bytes of random padding
  sparse,   ///< padding with few bits set
  dense,    ///< padding with many bits set
};

/// A style, and what is a user's own in it: alphabet, length of words and lines, share of text.
struct Shape {
  Style style = Style::plain;
  std::array<std::uint8_t, 32> taste{};
};

/// The user's own shape, never plain and never opening, which takes too long: HKDF of the secret with the
/// purpose "obfs4 hello".
Shape shape_of_user(const UserKey& user);
/// Name in a config or a link ("plain", "printable"); nothing for others. "printable" is the user's own
/// shape.
std::optional<Shape> shape_named(std::string_view name, const UserKey& user);
/// The same where there is no user: "printable" is the bridge's own, so that who comes back to one keeps its
/// style.
std::optional<Shape> shape_named(std::string_view name, const NodeIdentity& bridge);

/// A key pair whose representative suits the shape.
Keypair shaped_keypair(const Shape& shape);
/// Padding drawn for one hello: 77 to 8128 bytes.
std::vector<std::uint8_t> shaped_padding(const Shape& shape);

}  // namespace surang::obfs4
