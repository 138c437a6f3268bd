#include "transports/quic/tls_session.hpp"

#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <sodium.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "transports/quic/admission.hpp"

namespace surang::quic {
namespace {

constexpr const char* kPriority =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-X25519:-KX-ALL:+ECDHE-PSK:"
    "%DISABLE_TLS13_COMPAT_MODE";
// Another version of what is said inside has another.
constexpr std::string_view kProtocol = "surang/1";

void must(int outcome, const char* what) {
  if (outcome < 0) throw std::runtime_error(std::string(what) + ": " + gnutls_strerror(outcome));
}

std::array<std::uint8_t, 32> psk_of(const UserKey& user) {
  std::array<std::uint8_t, 32> key;
  derive_key(user.secret, "quic psk", key);
  return key;
}

gnutls_datum_t datum(std::span<const std::uint8_t> bytes) {
  return {const_cast<unsigned char*>(bytes.data()), static_cast<unsigned>(bytes.size())};
}

void prepare(gnutls_session_t session, TlsOwner& owner) {
  must(gnutls_priority_set_direct(session, kPriority, nullptr), "TLS priorities");
  gnutls_datum_t name = datum({reinterpret_cast<const std::uint8_t*>(kProtocol.data()), kProtocol.size()});
  must(gnutls_alpn_set_protocols(session, &name, 1, GNUTLS_ALPN_MANDATORY), "ALPN");
  gnutls_session_set_ptr(session, &owner);
}

int find_key(gnutls_session_t session, const gnutls_datum_t* name, gnutls_datum_t* key) {
  const auto* owner = static_cast<const TlsOwner*>(gnutls_session_get_ptr(session));
  const std::span<const std::uint8_t> asked(name->data, name->size);
  if (!std::ranges::equal(asked, owner->user->id.bytes)) return -1;
  auto psk = psk_of(*owner->user);
  key->data = static_cast<unsigned char*>(gnutls_malloc(psk.size()));
  key->size = static_cast<unsigned>(psk.size());
  if (key->data) std::ranges::copy(psk, key->data);
  sodium_memzero(psk.data(), psk.size());
  return key->data ? 0 : -1;
}

}  // namespace

TlsClient::TlsClient(const UserKey& user) {
  must(gnutls_psk_allocate_client_credentials(&credentials_), "TLS credentials");
  auto psk = psk_of(user);
  const auto name = datum(user.id.bytes), key = datum(psk);
  must(gnutls_psk_set_client_credentials2(credentials_, &name, &key, GNUTLS_PSK_KEY_RAW), "TLS credentials");
  sodium_memzero(psk.data(), psk.size());
}

TlsClient::~TlsClient() {
  gnutls_psk_free_client_credentials(credentials_);
}

TlsSession TlsClient::open(TlsOwner& owner, const Ticket& ticket, bool& resumes) const {
  gnutls_session_t raw = nullptr;
  must(gnutls_init(&raw, GNUTLS_CLIENT | GNUTLS_ENABLE_EARLY_DATA | GNUTLS_NO_END_OF_EARLY_DATA), "TLS");
  TlsSession session(raw);
  prepare(raw, owner);
  if (ngtcp2_crypto_gnutls_configure_client_session(raw) != 0) throw std::runtime_error("TLS for QUIC");
  must(gnutls_credentials_set(raw, GNUTLS_CRD_PSK, credentials_), "TLS credentials");
  resumes = !ticket.empty() && gnutls_session_set_data(raw, ticket.data(), ticket.size()) == 0;
  return session;
}

Ticket TlsClient::ticket_of(gnutls_session_t session) {
  gnutls_datum_t data{};
  if (gnutls_session_get_data2(session, &data) < 0) return {};
  Ticket ticket(data.data, data.data + data.size);
  gnutls_free(data.data);
  return ticket;
}

TlsServer::TlsServer(std::span<const std::uint8_t> secret) : secret_(secret.begin(), secret.end()) {
  must(gnutls_psk_allocate_server_credentials(&credentials_), "TLS credentials");
  gnutls_psk_set_server_credentials_function2(credentials_, find_key);
  // Without it there is no early data. A first flight is taken once only, by its admission, so all is new
  // here.
  must(gnutls_anti_replay_init(&anti_replay_), "TLS early data");
  gnutls_anti_replay_set_window(anti_replay_, 2 * 1000 * kClockSkew);
  gnutls_anti_replay_set_add_function(
      anti_replay_, [](void*, time_t, const gnutls_datum_t*, const gnutls_datum_t*) { return 0; });
}

TlsServer::~TlsServer() {
  gnutls_anti_replay_deinit(anti_replay_);
  gnutls_psk_free_server_credentials(credentials_);
}

TlsSession TlsServer::open(TlsOwner& owner) const {
  gnutls_session_t raw = nullptr;
  must(gnutls_init(&raw, GNUTLS_SERVER | GNUTLS_ENABLE_EARLY_DATA | GNUTLS_NO_AUTO_SEND_TICKET |
                             GNUTLS_NO_END_OF_EARLY_DATA),
       "TLS");
  TlsSession session(raw);
  prepare(raw, owner);
  auto sealed_by = secret_;
  sealed_by.insert(sealed_by.end(), owner.user->id.bytes.begin(), owner.user->id.bytes.end());
  std::array<std::uint8_t, 64> ticket_key;
  derive_key(sealed_by, "quic tickets", ticket_key);
  const auto key = datum(ticket_key);
  must(gnutls_session_ticket_enable_server(raw, &key), "TLS tickets");
  sodium_memzero(ticket_key.data(), ticket_key.size());
  gnutls_anti_replay_enable(raw, anti_replay_);
  if (ngtcp2_crypto_gnutls_configure_server_session(raw) != 0) throw std::runtime_error("TLS for QUIC");
  gnutls_record_set_max_early_data_size(raw, UINT32_MAX);
  must(gnutls_credentials_set(raw, GNUTLS_CRD_PSK, credentials_), "TLS credentials");
  return session;
}

}  // namespace surang::quic
