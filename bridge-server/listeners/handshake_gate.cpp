#include "bridge-server/listeners/handshake_gate.hpp"

#include <algorithm>

#include "transports/core/endpoint.hpp"

namespace surang::bridge {
namespace {

boost::asio::ip::address customer(const boost::asio::ip::address& from) {
  const auto address = unmapped(from);
  if (address.is_v4()) return address;
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return boost::asio::ip::address_v6(bytes);
}

}  // namespace

HandshakeGate::Pass HandshakeGate::enter(const boost::asio::ip::address& address, unsigned most) {
  const auto key = customer(address);
  const std::scoped_lock lock(mutex_);
  auto& count = inside_[key];
  if (count >= most) return {};
  ++count;
  return Pass(this, key);
}

void HandshakeGate::leave(const boost::asio::ip::address& key) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = inside_.find(key); found != inside_.end() && --found->second == 0)
    inside_.erase(found);
}

}  // namespace surang::bridge
