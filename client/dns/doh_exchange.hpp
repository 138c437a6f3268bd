// One or more DoH POSTs on a fresh TLS connection, over HTTP/2 (nghttp2) or HTTP/1.1 as ALPN chose. Used by
// doh.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transports/core/stream.hpp"

namespace surang::client {

using DnsBytes = std::vector<std::uint8_t>;

/// The bodies of the answers, in the order of `queries`; Errc::protocol when one is not a 200 with
/// application/dns-message of at most 64 KiB.
asio::awaitable<Result<std::vector<DnsBytes>>> doh_over_h2(Stream& stream, std::string host, std::string path,
                                                           std::vector<DnsBytes> queries);
asio::awaitable<Result<std::vector<DnsBytes>>> doh_over_http1(Stream& stream, std::string host,
                                                              std::string path,
                                                              std::vector<DnsBytes> queries);

}  // namespace surang::client
