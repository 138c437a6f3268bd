// A DatagramFlow by sockets of its own, one an address family, each with one port for all its peers, who may
// all answer (RFC 4787: endpoint-independent mapping and filtering).
#pragma once

#include <functional>
#include <vector>

#include "transports/core/datagram_flow.hpp"
#include "transports/core/resolver.hpp"

namespace surang {

/// What of a name's addresses, or of the one that a datagram came from, may be spoken to by that port; as
/// TcpDialerOptions has it. Empty: all.
using AdmitAddresses =
    std::function<std::vector<asio::ip::address>(std::vector<asio::ip::address>, std::uint16_t port)>;

/// `resolver` is asked for the names that are sent to. Sockets are opened when they are needed first.
DatagramFlowPtr make_udp_flow(asio::any_io_executor executor, std::shared_ptr<Resolver> resolver,
                              AdmitAddresses admit = {});

}  // namespace surang
