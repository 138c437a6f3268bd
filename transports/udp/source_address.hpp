// From which of its addresses this computer speaks to another. Used by quic and by the client's way_out.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <optional>

namespace surang {

/// Nothing where there is no way there. Connecting a datagram socket asks the routes, and sends nothing.
inline std::optional<boost::asio::ip::address> source_address(const boost::asio::any_io_executor& executor,
                                                              const boost::asio::ip::udp::endpoint& to) {
  boost::system::error_code ec;
  boost::asio::ip::udp::socket probe(executor);
  probe.open(to.protocol(), ec);
  if (!ec) probe.connect(to, ec);
  if (ec) return std::nullopt;
  const auto from = probe.local_endpoint(ec);
  if (ec) return std::nullopt;
  return from.address();
}

}  // namespace surang
