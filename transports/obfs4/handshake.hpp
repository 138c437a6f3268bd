// Both ends of the obfs4 handshake, without socket and clock (PROTOCOL.md, obfs4). The owner reads, feeds all
// that has come so far, and deals with a failure: these classes never say anything to a peer that is not a
// client.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "transports/obfs4/elligator2.hpp"
#include "transports/obfs4/hmac.hpp"
#include "transports/obfs4/identity.hpp"
#include "transports/obfs4/ntor.hpp"
#include "transports/obfs4/replay_filter.hpp"
#include "transports/obfs4/shape.hpp"

namespace surang::obfs4 {

/// No hello is longer, nor is more than this ever looked at.
inline constexpr std::size_t kMaxHello = 8192;

enum class Progress : std::uint8_t { need_more, failed, done };

class ClientHandshake {
 public:
  /// Makes the key pair and the hello; to be done before the connection, since it takes a varying time.
  /// The bridge's clock may be an hour off.
  ClientHandshake(const NodeIdentity& server, const Shape& shape, std::int64_t unix_seconds);
  ~ClientHandshake();
  ClientHandshake(const ClientHandshake&) = delete;
  ClientHandshake& operator=(const ClientHandshake&) = delete;

  /// What is sent first, all at once.
  std::span<const std::uint8_t> hello() const { return hello_; }

  /// Looks at `all` that the server has sent since the beginning. When done, `consumed` is the length of its
  /// hello; frames follow. A failure is final: what came is not from the bridge that the cert names.
  Progress feed(std::span<const std::uint8_t> all, std::size_t& consumed);

  /// Only after done.
  const SessionSecret& secret() const { return secret_; }

 private:
  Progress verify(std::span<const std::uint8_t> hello);

  NodeIdentity server_;
  Hmac keyed_;  // with what both know, B and the node id
  Keypair key_;
  std::string hour_;
  std::vector<std::uint8_t> hello_;
  std::array<std::uint8_t, 16> mark_{};
  std::size_t searched_ = 0;  // the mark does not begin before; 0: it is not known yet
  Progress progress_ = Progress::need_more;
  SessionSecret secret_{};
};

class ServerHandshake {
 public:
  /// Makes the key pair, so that it is there before the client's first byte.
  explicit ServerHandshake(const ServerIdentity& server);
  ~ServerHandshake();
  ServerHandshake(const ServerHandshake&) = delete;
  ServerHandshake& operator=(const ServerHandshake&) = delete;

  /// Looks at `all` that the client has sent since the beginning, of which there is nothing behind a hello. A
  /// failure is final: not a client, or a hello that was seen before.
  Progress feed(std::span<const std::uint8_t> all, std::int64_t unix_seconds, ReplayFilter& seen);

  /// After done: the server's hello; the first frame belongs into the same write.
  std::vector<std::uint8_t> reply() const;
  /// Only after done.
  const SessionSecret& secret() const { return result_.secret; }

 private:
  Progress verify(std::span<const std::uint8_t> hello, std::int64_t unix_seconds, ReplayFilter& seen);

  ServerIdentity server_;
  Hmac keyed_;  // with what both know, B and the node id
  Keypair key_;
  std::string hour_;  // the client's
  std::array<std::uint8_t, 16> mark_{};
  bool mark_known_ = false;
  Progress progress_ = Progress::need_more;
  NtorResult result_;
};

}  // namespace surang::obfs4
