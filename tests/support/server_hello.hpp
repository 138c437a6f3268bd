// A TLS 1.3 ServerHello as sites answer with (RFC 8446 4.1.3), for scripted sites that speak no further.
#pragma once

#include <cstdint>
#include <vector>

namespace surang::test {

/// The record; `session_id` is the ClientHello's, to be echoed.
std::vector<std::uint8_t> server_hello(const std::vector<std::uint8_t>& session_id);

}  // namespace surang::test
