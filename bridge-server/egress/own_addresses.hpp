// The addresses of this machine's interfaces, which no user may reach through the bridge.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <vector>

namespace surang::bridge {

/// Empty when the system does not tell.
std::vector<boost::asio::ip::address> own_addresses();

}  // namespace surang::bridge
