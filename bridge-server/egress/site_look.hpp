// What a site shows on a connection that stands: its certificate, or its front page in a few words. Every
// byte is a stranger's. Used by reach_check (PROTOCOL.md, control).
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "transports/core/endpoint.hpp"
#include "transports/core/stream.hpp"
#include "transports/tunnel/reach_answer.hpp"

namespace surang::bridge {

/// A handshake with the host of `to`; `roots` say what verifies. Ends at `until`.
asio::awaitable<tunnel::ReachAnswer::Tls> look_at_tls(StreamPtr site, Endpoint to,
                                                      std::shared_ptr<SSL_CTX> roots,
                                                      std::chrono::steady_clock::time_point until);

/// GET / (RFC 9112), of which the head and the first 4096 bytes of the body are looked at. Ends at `until`
/// with what has come.
asio::awaitable<tunnel::ReachAnswer::Http> look_at_http(StreamPtr site, Endpoint to,
                                                        std::chrono::steady_clock::time_point until);

/// The host of an absolute Location (RFC 9110 10.2.2), normalised; empty for others. Pure.
std::string location_host(std::string_view location);
/// The text of the first <title>; empty when there is none. Pure.
std::string page_title(std::string_view html);

}  // namespace surang::bridge
