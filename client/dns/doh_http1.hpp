// DoH POSTs on one TLS connection over HTTP/1.1, for a provider that does not speak HTTP/2. Used by doh.cpp.
#pragma once

#include <string>
#include <vector>

#include "client/dns/dns_message.hpp"
#include "transports/core/stream.hpp"

namespace surang::client {

/// The bodies of the answers, in the order of `queries`; Errc::protocol when one is not a 200 with
/// application/dns-message of at most 64 KiB.
asio::awaitable<Result<std::vector<DnsBytes>>> doh_over_http1(Stream& stream, std::string host,
                                                              std::string path,
                                                              std::vector<DnsBytes> queries);

}  // namespace surang::client
