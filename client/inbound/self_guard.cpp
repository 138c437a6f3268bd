#include "client/inbound/self_guard.hpp"

#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/ip/udp.hpp>

namespace surang::client {

namespace asio = boost::asio;

bool SelfGuard::is_this_machine(const asio::ip::address& named) const {
  const auto address = unmapped(named);
  if (address.is_loopback() || address.is_unspecified()) return true;
  if (address.is_multicast()) return false;
  // Only an address of this machine can be bound to; true on every system, and nothing is sent.
  asio::ip::udp::socket probe(executor_);
  error_code ec;
  probe.open(address.is_v6() ? asio::ip::udp::v6() : asio::ip::udp::v4(), ec);
  // Out of descriptors nobody can tell; nothing could be dialled either.
  if (ec) return ec != asio::error::address_family_not_supported;
  probe.bind({address, 0}, ec);
  return !ec;
}

bool SelfGuard::is_self(const asio::ip::address& address, std::uint16_t port) const {
  return ports_.contains(port) && is_this_machine(address);
}

bool SelfGuard::is_self(const Endpoint& to) const {
  if (!ports_.contains(to.port())) return false;
  if (const auto& address = to.address()) return is_this_machine(*address);
  if (to.host() == "localhost" || to.host().ends_with(".localhost")) return true;
  error_code ec;
  const auto own = Endpoint::make(asio::ip::host_name(ec), to.port());
  return own && own->host() == to.host();
}

}  // namespace surang::client
