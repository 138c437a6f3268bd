// TLS over any Stream, by OpenSSL with BIOs of our own, as a Stream. TLS 1.3 early data included.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "transports/core/dialer.hpp"
#include "transports/core/stream.hpp"

namespace surang::tls {

using SslPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;

struct TlsTuning {
  /// Client: a handshake that does not resume the session offered ends in Errc::proof_refused, and early data
  /// that was refused is not said again.
  bool must_resume = false;
  /// The first records of a connection get sizes drawn at random.
  bool vary_records = false;
};

class TlsStream : public Stream {
 public:
  /// Takes over `inner` and `ssl` (made from a context, connect or accept state set by the caller).
  /// `already_read` are bytes that were taken from `inner` before.
  static std::unique_ptr<TlsStream> make(StreamPtr inner, SslPtr ssl, TlsTuning tuning = {},
                                         std::vector<std::uint8_t> already_read = {});

  /// Completes the handshake. A client whose session allows early data may skip it: its first write then goes
  /// as early data, and the handshake completes while reading. A server that takes early data is done when it
  /// may write (its Finished is sent); the client's early data then reads like any other.
  /// Errc::certificate when verification failed, Errc::truncated when the peer went away in the middle,
  /// Errc::protocol for other TLS failures (openssl_error() tells more).
  virtual asio::awaitable<Result<void>> handshake() = 0;

  virtual SSL* ssl() noexcept = 0;
  virtual bool early_data_accepted() const noexcept = 0;
  virtual std::string openssl_error() const = 0;
};

/// A context for ordinary verified TLS as a client: TLS 1.2+, the system's roots, and `extra_ca_file` when
/// not empty. Throws std::runtime_error when the file cannot be read.
std::shared_ptr<SSL_CTX> make_client_context(const std::string& extra_ca_file = {});

/// What a client says in clear whom it wants, and whom it must find there.
struct ServerNames {
  std::string sni;       ///< empty: none is sent
  std::string verified;  ///< a name or an address that the certificate must be good for (RFC 6125)
};

/// A client's side of a handshake, ALPN as given ("h2", "http/1.1"); null for names that cannot be any.
SslPtr make_client(SSL_CTX* context, const ServerNames& names, const std::vector<std::string>& alpn);

/// TLS over `inner` by make_client. Errc::bad_input for names that cannot be any.
asio::awaitable<Result<std::unique_ptr<TlsStream>>> connect_verified(StreamPtr inner,
                                                                     std::shared_ptr<SSL_CTX> context,
                                                                     ServerNames names,
                                                                     std::vector<std::string> alpn);
/// The same with `name`, as SNI too where it is no address.
asio::awaitable<Result<std::unique_ptr<TlsStream>>> connect_verified(StreamPtr inner,
                                                                     std::shared_ptr<SSL_CTX> context,
                                                                     std::string name,
                                                                     std::vector<std::string> alpn);

/// What a server showed, believed or not.
struct ShownCertificate {
  bool verified = false;                ///< a chain to the context's roots, and good for the name
  std::string problem;                  ///< why not, in OpenSSL's words
  std::array<std::uint8_t, 32> leaf{};  ///< SHA-256 of the certificate (DER); zeros when none was shown
  std::array<std::uint8_t, 32> key{};   ///< SHA-256 of its SubjectPublicKeyInfo (RFC 7469 2.4)
};

/// The same handshake for its certificate's sake: what does not verify is told, and is no error. Nothing that
/// follows on such a connection could be trusted, so there is none.
asio::awaitable<Result<ShownCertificate>> look_at_certificate(StreamPtr inner,
                                                              std::shared_ptr<SSL_CTX> context,
                                                              std::string name);

}  // namespace surang::tls
