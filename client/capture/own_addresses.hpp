// The addresses of this machine's interfaces: who sends from one is a program here, all others are guests.
// Used by the capture, and by routing for what guests may not reach.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>

namespace surang::client::capture {

/// Whether it is one of them, now. SelfGuard asks what can be bound to, and takes doubt for a yes: where
/// net.ipv4.ip_nonlocal_bind is set, that would be everybody. Nothing when the system does not tell.
std::optional<bool> is_own_address(const boost::asio::ip::address& address);

}  // namespace surang::client::capture
