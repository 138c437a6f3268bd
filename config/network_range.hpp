// An address range, "10.0.0.0/8" or a single address, as rules and egress lists use it. Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string_view>

namespace surang::config {

struct NetworkRange {
  boost::asio::ip::address base;
  unsigned prefix = 0;

  /// Nothing when `text` is no address or the prefix does not fit.
  static std::optional<NetworkRange> parse(std::string_view text);
  bool contains(const boost::asio::ip::address& address) const;
};

}  // namespace surang::config
