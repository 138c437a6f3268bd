// The ntor key exchange as obfs4 has it: the client knows the bridge's long-term key, the bridge proves that
// it holds it, both get keys that a later theft of it does not open (PROTOCOL.md, obfs4). Pure; used by
// handshake.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "transports/obfs4/elligator2.hpp"
#include "transports/obfs4/identity.hpp"

namespace surang::obfs4 {

/// Keys of the frames: the first 72 bytes are for what the client sends, the last for what the server does.
using SessionSecret = std::array<std::uint8_t, 144>;

struct NtorResult {
  SessionSecret secret{};
  Bytes32 auth{};  ///< what the server shows
};

/// The client's half, with the public key that the server sent. Nothing when that key is one of those that
/// make the secret known to everybody. `auth` is still to be compared with the server's, in constant time.
std::optional<NtorResult> ntor_client(const NodeIdentity& server, const Keypair& ours, const Bytes32& theirs);

/// The server's half, with the public key that the client sent.
std::optional<NtorResult> ntor_server(const ServerIdentity& server, const Keypair& ours,
                                      const Bytes32& theirs);

}  // namespace surang::obfs4
