// TLS 1.3 inside QUIC (RFC 9001) by GnuTLS: both ends prove that they know the user's key (RFC 8446 4.2.11,
// an external PSK with ECDHE), so there is no certificate, and nothing to pin but the link. Connections after
// the first resume the one before and speak in the first flight (0-RTT).
#pragma once

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "transports/core/user.hpp"

namespace surang::quic {

struct TlsClose {
  void operator()(gnutls_session_t session) const noexcept { gnutls_deinit(session); }
};
using TlsSession = std::unique_ptr<std::remove_pointer_t<gnutls_session_t>, TlsClose>;

/// Whose session it is. The first member is what ngtcp2's own callbacks look for.
struct TlsOwner {
  ngtcp2_crypto_conn_ref connection{};
  const UserKey* user = nullptr;
};

/// What a client keeps of one connection for the next.
using Ticket = std::vector<std::uint8_t>;

/// A client's end. The owner must outlive its session.
class TlsClient {
 public:
  explicit TlsClient(const UserKey& user);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// `ticket` may be empty. `resumes` tells whether it is offered.
  TlsSession open(TlsOwner& owner, const Ticket& ticket, bool& resumes) const;
  /// Of the connection so far, once the bridge has sent one; empty when there is none.
  static Ticket ticket_of(gnutls_session_t session);

 private:
  gnutls_psk_client_credentials_t credentials_ = nullptr;
};

/// The bridge's end, where the user is known already by an admission.
class TlsServer {
 public:
  /// Tickets are sealed with a key from `secret` and the user's id: they hold after a restart, and for nobody
  /// else.
  explicit TlsServer(std::span<const std::uint8_t> secret);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  TlsSession open(TlsOwner& owner) const;

 private:
  gnutls_psk_server_credentials_t credentials_ = nullptr;
  gnutls_anti_replay_t anti_replay_ = nullptr;
  const std::vector<std::uint8_t> secret_;
};

}  // namespace surang::quic
