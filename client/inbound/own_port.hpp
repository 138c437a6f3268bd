// How a port is made this program's own on this system (own_port_linux.cpp, own_port_windows.cpp).
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "transports/core/result.hpp"

namespace surang::client {

/// Before bind: no other program may listen on the same port, and a restart need not wait for old connections.
void claim_port(boost::asio::ip::tcp::acceptor& acceptor, error_code& ec);

}  // namespace surang::client
