// Sockets that stand for addresses which are not this machine's (IP_TRANSPARENT, ip(7)). Used by *_linux.cpp
// of this folder.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <span>

#include "transports/core/result.hpp"

namespace surang::client::capture {

/// Lets a socket have any address, and marks as ours what leaves by it; connections accepted from it are
/// alike. Needs CAP_NET_ADMIN.
error_code set_transparent(int socket, bool v6);

/// Opens a port of its own at the loopback address for datagrams that the rules lead there.
error_code open_for_captured(boost::asio::ip::udp::socket& socket, bool v6);

struct CapturedDatagram {
  std::size_t size = 0;
  boost::asio::ip::udp::endpoint from, to;  ///< who has sent it, and to whom
};
/// The next datagram of such a port; Errc::would_block when there is none.
Result<CapturedDatagram> receive_captured(boost::asio::ip::udp::socket& socket, std::span<std::uint8_t> into);

/// Opens a socket that sends as `from`.
error_code open_as(boost::asio::ip::udp::socket& socket, const boost::asio::ip::udp::endpoint& from);

}  // namespace surang::client::capture
