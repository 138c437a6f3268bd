// OpenSSL's side of tickets that were opened before it sees them.
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>
#include <string_view>

#include "transports/tls/ticket.hpp"

namespace surang::tls {
namespace {

int ticket_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr,
                                                [](void*, void* ticket, CRYPTO_EX_DATA*, int, long, void*) {
                                                  delete static_cast<OpenedTicket*>(ticket);
                                                });
  return index;
}

// Hands OpenSSL the keys of the user whose ticket it is.
int give_keys(SSL* ssl, unsigned char* key_name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
              int sealing) {
  const auto* ticket = static_cast<const OpenedTicket*>(SSL_get_ex_data(ssl, ticket_index()));
  if (sealing || ticket == nullptr || !std::equal(ticket->key_name.begin(), ticket->key_name.end(), key_name))
    return 0;
  std::array<std::uint8_t, 32> encryption{}, authentication{};
  derive_key(ticket->user.secret, "ticket encryption", encryption);
  derive_key(ticket->user.secret, "ticket mac", authentication);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, authentication.data(), authentication.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  const bool set = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, encryption.data(), iv) == 1 &&
                   EVP_MAC_CTX_set_params(mac, params) == 1;
  OPENSSL_cleanse(encryption.data(), encryption.size());
  OPENSSL_cleanse(authentication.data(), authentication.size());
  return set ? 1 : -1;
}

// OpenSSL takes early data only when client and server agree on the ticket's age to ten seconds. The time has
// been checked against our own, wider window already.
SSL_TICKET_RETURN forgive_clock(SSL*, SSL_SESSION* session, const unsigned char*, std::size_t,
                                SSL_TICKET_STATUS status, void*) {
  if (status != SSL_TICKET_SUCCESS || session == nullptr) return SSL_TICKET_RETURN_IGNORE;
  SSL_SESSION_set_time(session, static_cast<long>(std::time(nullptr)));
  return SSL_TICKET_RETURN_USE;
}

int choose_h2(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
              unsigned offered_size, void*) {
  const std::string_view all(reinterpret_cast<const char*>(offered), offered_size);
  for (std::size_t at = 0; at < all.size(); at += 1 + offered[at])
    if (all.substr(at + 1, offered[at]) == "h2") {
      *out = offered + at + 1;
      *size = 2;
      return SSL_TLSEXT_ERR_OK;
    }
  return SSL_TLSEXT_ERR_NOACK;
}

// Without certificate OpenSSL speaks TLS 1.3 only when it could find other pre-shared keys; it finds none.
int find_no_psk(SSL*, const unsigned char*, std::size_t, SSL_SESSION** session) {
  *session = nullptr;
  return 1;
}

}  // namespace

std::shared_ptr<SSL_CTX> make_ticket_context() {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  auto* c = context.get();
  if (c == nullptr || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(c, "X25519:P-256:P-384") != 1 || SSL_CTX_set_num_tickets(c, 0) != 1 ||
      SSL_CTX_set_max_early_data(c, kMaxEarlyData) != 1 ||
      SSL_CTX_set_session_ticket_cb(c, nullptr, forgive_clock, nullptr) != 1)
    throw std::runtime_error("OpenSSL gives no context for tickets");
  SSL_CTX_set_options(c, SSL_OP_NO_ANTI_REPLAY | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_recv_max_early_data(c, kMaxEarlyData);
  SSL_CTX_set_alpn_select_cb(c, choose_h2, nullptr);
  SSL_CTX_set_psk_find_session_callback(c, find_no_psk);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(c, give_keys);
  return context;
}

std::unique_ptr<SSL, decltype(&SSL_free)> make_ticket_server(SSL_CTX* context, const OpenedTicket& ticket) {
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context), SSL_free);
  auto own = std::make_unique<OpenedTicket>(ticket);
  if (!ssl || SSL_set_ex_data(ssl.get(), ticket_index(), own.get()) != 1)
    throw std::runtime_error("OpenSSL gives no connection");
  (void)own.release();
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace surang::tls
