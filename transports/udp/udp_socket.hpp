// How all our UDP sockets are.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>

#include "transports/core/own_mark.hpp"
#include "transports/core/result.hpp"

namespace surang {

/// Opens `socket` at `at`, of that family alone unless told otherwise, without waiting, with room for a burst
/// where the system lets it. It is closed when that fails.
inline error_code open_udp_socket(boost::asio::ip::udp::socket& socket,
                                  const boost::asio::ip::udp::endpoint& at, bool v6_only = true) {
  constexpr int kBuffer = 1 << 20;  // bytes
  error_code ec, ignored;
  socket.open(at.protocol(), ec);
  if (!ec) mark_own(socket);
  if (!ec && at.address().is_v6()) socket.set_option(boost::asio::ip::v6_only(v6_only), ec);
  if (!ec) socket.bind(at, ec);
  if (!ec) socket.non_blocking(true, ec);
  if (ec) {
    socket.close(ignored);
    return ec;
  }
  socket.set_option(boost::asio::socket_base::receive_buffer_size(kBuffer), ignored);
  socket.set_option(boost::asio::socket_base::send_buffer_size(kBuffer), ignored);
  return {};
}

}  // namespace surang
