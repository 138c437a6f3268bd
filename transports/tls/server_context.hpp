// An ordinary TLS server's context: a certificate, HTTP/2 or HTTP/1.1 inside. The bridge makes one where an
// edge reaches it by TLS.
#pragma once

#include <openssl/ssl.h>

#include <filesystem>
#include <memory>
#include <string>

#include "transports/core/result.hpp"

namespace surang::tls {

/// TLS 1.2+, the chain and the key of PEM files. Errc::bad_input with `why` naming the file.
Result<std::shared_ptr<SSL_CTX>> make_server_context(const std::filesystem::path& chain,
                                                     const std::filesystem::path& key, std::string& why);

}  // namespace surang::tls
