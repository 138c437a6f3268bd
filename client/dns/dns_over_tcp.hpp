// DNS messages over TCP (RFC 1035 4.2.2, 7766). Used by system_dns and by the capture.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/udp.hpp>

#include "client/dns/dns_message.hpp"
#include "transports/core/result.hpp"

namespace surang::client {

/// `message`, which has at most 65535 bytes, with its length in front.
DnsBytes framed(const DnsBytes& message);

/// Whatever the server says first, on a connection for this query alone. Has no limit of its own.
boost::asio::awaitable<Result<DnsBytes>> ask_over_tcp(boost::asio::any_io_executor executor,
                                                      boost::asio::ip::udp::endpoint server, DnsBytes query);

}  // namespace surang::client
