// What the ClientHello of a user looks like to who watches: after a browser's, as near as OpenSSL comes, one
// of a few for each user (PROTOCOL.md, https). The https and fronted dialers make their connections by it.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>

#include "transports/core/user.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::tls {

/// A client context whose hellos are those of the user's profile. A server that does not resume and shows a
/// certificate is verified against the system's roots, as a browser would.
std::shared_ptr<SSL_CTX> make_hello_context(const UserKey& user);

/// JA4 (FoxIO) of the hello that `client` begins with, which a watcher sees: "t13d1613h2_..."; nothing when
/// OpenSSL writes none. Nothing is sent, and the connection is good for nothing else.
std::optional<std::string> hello_ja4(SslPtr client);

}  // namespace surang::tls
