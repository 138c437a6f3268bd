// Knows the ports this program itself listens on, so that it never proxies to itself and a page in the
// browser cannot reach the controls through the proxy.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <set>
#include <utility>

#include "transports/core/endpoint.hpp"

namespace surang::client {

class SelfGuard {
 public:
  /// The executor's context serves the sockets by which addresses are tried; nothing waits on it.
  explicit SelfGuard(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  void own(std::uint16_t port) { ports_.insert(port); }
  void disown(std::uint16_t port) { ports_.erase(port); }
  void clear() { ports_.clear(); }
  /// A port of ours at a literal address of this machine, or at a name that always means this machine.
  bool is_self(const Endpoint& to) const;
  /// The same for an address to which a name resolved.
  bool is_self(const boost::asio::ip::address& address, std::uint16_t port) const;

 private:
  bool is_this_machine(const boost::asio::ip::address& address) const;

  boost::asio::any_io_executor executor_;
  std::set<std::uint16_t> ports_;
};

}  // namespace surang::client
