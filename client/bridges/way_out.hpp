// From which addresses this computer speaks to the world: others than before mean that sessions made before
// are left behind. The bridge pool asks it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <optional>

namespace surang::client {

struct WayOut {
  std::optional<boost::asio::ip::address> v4, v6;

  bool any() const { return v4 || v6; }
  /// Another network, over which no session made before goes on. An address that has come beside is none.
  bool left_by(const WayOut& now) const { return (v4 && now.v4 != v4) || (v6 && now.v6 != v6); }
};

/// Sends nothing.
WayOut way_out(boost::asio::any_io_executor executor);

}  // namespace surang::client
