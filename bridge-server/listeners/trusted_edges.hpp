// Whose word about a client's address counts: edges tell it in X-Forwarded-For, and so can everybody else.
// Pure; fronted_listener asks it.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/network_range.hpp"

namespace surang::bridge {

class TrustedEdges {
 public:
  /// `ranges` are checked by the configuration.
  explicit TrustedEdges(const std::vector<std::string>& ranges);

  bool contains(const boost::asio::ip::address& address) const;

  /// The last hop that is no edge: `peer` itself, or the nearest such in `forwarded_for`, as far as edges
  /// wrote it. What is no address ends the search.
  boost::asio::ip::address client(const boost::asio::ip::address& peer, std::string_view forwarded_for) const;

 private:
  std::vector<config::NetworkRange> ranges_;
};

}  // namespace surang::bridge
