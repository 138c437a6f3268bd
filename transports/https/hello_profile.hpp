// What the ClientHello of the https transport looks like: after a browser's, as near as OpenSSL comes, one
// of a few for each user (PROTOCOL.md, https).
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "transports/core/user.hpp"

namespace surang::https {

/// A client context whose hellos are those of the user's profile. A server that does not resume and shows a
/// certificate is verified against the system's roots, as a browser would.
std::shared_ptr<SSL_CTX> make_hello_context(const UserKey& user);

}  // namespace surang::https
