// TLS 1.3 sessions that a client mints for itself, and how a bridge recognises them in a ClientHello
// (PROTOCOL.md, https). A ticket has the form OpenSSL gives its own, under keys of the user's.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "transports/core/user.hpp"
#include "transports/tls/client_hello.hpp"

namespace surang::tls {

/// What is drawn at random for every session, and the time.
struct SessionSeed {
  std::array<std::uint8_t, 8> name_salt{};
  std::array<std::uint8_t, 16> iv{};
  std::array<std::uint8_t, 32> psk{};
  std::uint32_t age_add = 0;
  std::int64_t time = 0;  ///< unix seconds
};

SessionSeed draw_session_seed(std::int64_t now);

struct MintedSession {
  std::vector<std::uint8_t> der;     ///< for d2i_SSL_SESSION
  std::vector<std::uint8_t> ticket;  ///< inside `der`
};

/// Pure: the same inputs give the same bytes. All tickets of a bridge have one length, as a site's have.
MintedSession mint_session(const UserKey& user, const std::array<std::uint8_t, 32>& bridge_key,
                           const SessionSeed& seed);

/// The most early data a minted session allows, in bytes.
inline constexpr std::uint32_t kMaxEarlyData = 16384;

struct OpenedTicket {
  UserKey user;
  std::array<std::uint8_t, 16> key_name{};
  std::array<std::uint8_t, 32> psk{};
  std::int64_t time = 0;  ///< when the client minted it, by its clock
};

/// Reads a ticket out of the identity a stranger sent. Nothing unless a user of `users` made it.
std::optional<OpenedTicket> open_ticket(std::span<const std::uint8_t> identity,
                                        const std::array<std::uint8_t, 32>& bridge_key,
                                        const UserDirectory& users);

/// Whether who sent `hello` knew the ticket's pre-shared key (RFC 8446 4.2.11.2): true for exactly one
/// identity whose binder is right, in a record of the version that users write there, which no binder covers.
/// What OpenSSL would answer with an alert has to be known before.
bool binder_holds(const ClientHello& hello, const std::array<std::uint8_t, 32>& psk);

/// Both ends' binding of one connection to its session.
std::array<std::uint8_t, 32> session_binding(const std::array<std::uint8_t, 32>& psk);

/// A server context without certificate that resumes opened tickets and nothing else.
std::shared_ptr<SSL_CTX> make_ticket_context();
/// A connection of it, for one opened ticket.
std::unique_ptr<SSL, decltype(&SSL_free)> make_ticket_server(SSL_CTX* context, const OpenedTicket& ticket);

}  // namespace surang::tls
