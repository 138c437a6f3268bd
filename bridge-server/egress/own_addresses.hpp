// The addresses of this machine's interfaces, which no user may reach through the bridge.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <vector>

namespace surang::bridge {

/// Nothing when the system does not tell just now.
std::optional<std::vector<boost::asio::ip::address>> own_addresses();

}  // namespace surang::bridge
