// Noise_IK_25519_ChaChaPoly_SHA256 (Noise Protocol Framework, revision 34): the client knows the server's key
// and shows its own, unseen by anybody else, in its first message. Pure. For fronted, where a CDN reads all
// that TLS protects.
//
//   -> e, es, s, ss, payload     kClientHello bytes and the payload
//   <- e, ee, se, payload        kServerHello bytes and the payload
#pragma once

#include <optional>
#include <vector>

#include "transports/noise/cipher_state.hpp"

namespace surang::noise {

using Bytes = std::vector<std::uint8_t>;

/// X25519 (RFC 7748).
struct Keypair {
  Key secret{}, public_key{};
  static Keypair of(const Key& secret);
  static Keypair draw();
};

/// What a handshake ends in (section 5.2, Split).
struct Session {
  CipherState client_to_server, server_to_client;
  Key hash;  ///< the same at both ends, and different every time (section 11.2, channel binding); no secret
  Key length_key;  ///< of nothing that Noise itself uses: what hides the lengths of frames
};

/// Chaining key and hash of a handshake under way (section 5.2, SymmetricState).
class SymmetricState {
 public:
  explicit SymmetricState(std::span<const std::uint8_t> prologue);
  ~SymmetricState();
  SymmetricState(const SymmetricState&) = delete;
  SymmetricState& operator=(const SymmetricState&) = delete;

  void mix_hash(std::span<const std::uint8_t> data);
  /// Mixes X25519(secret, point) in; false for a point of small order, which a peer that means it never
  /// sends.
  bool mix_exchange(const Key& secret, const Key& point);
  void seal(std::span<const std::uint8_t> plain, Bytes& out);
  std::optional<Bytes> open(std::span<const std::uint8_t> box);
  Session split() const;

 private:
  Key chaining_, hash_;
  std::optional<CipherState> cipher_;
};

class ClientHandshake {
 public:
  static constexpr std::size_t kClientHello = 96, kServerHello = 48;

  /// `ours` is known to the server by other means. `ephemeral` is used once.
  ClientHandshake(std::span<const std::uint8_t> prologue, const Keypair& ours, const Key& server,
                  const Keypair& ephemeral = Keypair::draw());
  ~ClientHandshake();

  /// The first message, once. Nothing: the server's key is none.
  std::optional<Bytes> hello(std::span<const std::uint8_t> payload);
  /// The server's answer: its payload; nothing when it is not the server's, and then the handshake has
  /// failed.
  std::optional<Bytes> finish(std::span<const std::uint8_t> answer);
  Session session() const { return state_.split(); }

 private:
  SymmetricState state_;
  Keypair ours_, ephemeral_;
  const Key server_;
};

class ServerHandshake {
 public:
  struct Hello {
    Key client;  ///< its public key, which it has shown to own
    Bytes payload;
  };

  ServerHandshake(std::span<const std::uint8_t> prologue, const Keypair& ours,
                  const Keypair& ephemeral = Keypair::draw());
  ~ServerHandshake();

  /// The first message, once; nothing when it is none for us. A copy of an earlier one is taken: what it says
  /// is to be believed only once something of the client's has come by the session.
  std::optional<Hello> read(std::span<const std::uint8_t> hello);
  /// The answer, after read(). Nothing: the client's key is none.
  std::optional<Bytes> answer(std::span<const std::uint8_t> payload);
  Session session() const { return state_.split(); }

 private:
  SymmetricState state_;
  Keypair ours_, ephemeral_;
  Key client_{}, client_ephemeral_{};
};

}  // namespace surang::noise
