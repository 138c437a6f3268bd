#include "client/capture/own_addresses.hpp"

namespace surang::client::capture {

// Nothing is captured here, so there are no guests to tell.
std::optional<bool> is_own_address(const boost::asio::ip::address&) {
  return std::nullopt;
}

}  // namespace surang::client::capture
