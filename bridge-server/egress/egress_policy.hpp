// Which addresses a bridge dials for its users: the public Internet, nothing of its own and nothing private
// (PROTOCOL.md, egress; IANA special-purpose registries, RFC 6890). Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "config/network_range.hpp"

namespace surang::bridge {

class EgressPolicy {
 public:
  /// `allow`: ranges opened on purpose (checked by the configuration); `own`: this bridge's addresses.
  EgressPolicy(const std::vector<std::string>& allow, std::vector<boost::asio::ip::address> own);

  bool permits(const boost::asio::ip::address& address, std::uint16_t port) const;
  /// What is left of a name's addresses.
  std::vector<boost::asio::ip::address> admit(std::vector<boost::asio::ip::address> addresses,
                                              std::uint16_t port) const;

 private:
  std::vector<config::NetworkRange> allow_;
  std::vector<boost::asio::ip::address> own_;
};

}  // namespace surang::bridge
