// Who an obfs4 bridge is: the node id and the long-term X25519 key, and how a bridge line ("cert=") and our
// links write them (PROTOCOL.md, obfs4). Both ends of a handshake begin with it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "transports/core/result.hpp"

namespace surang::obfs4 {

/// The public half, which is also what makes somebody a client: who does not know it gets no answer.
struct NodeIdentity {
  std::array<std::uint8_t, 20> node_id{};
  std::array<std::uint8_t, 32> public_key{};  ///< B
  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};

struct ServerIdentity {
  NodeIdentity node;
  std::array<std::uint8_t, 32> private_key{};  ///< b
};

/// base64(NODEID ‖ B): 70 characters, or 72 with the padding that bridge lines leave out. Anything else:
/// Errc::bad_input.
Result<NodeIdentity> parse_cert(std::string_view cert);
/// Without the padding.
std::string format_cert(const NodeIdentity& node);

}  // namespace surang::obfs4
