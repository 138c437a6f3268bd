// The client's end of fronted: sessions through an edge (PROTOCOL.md, fronted). registry makes it.
#pragma once

#include "transports/registry.hpp"

namespace surang::fronted {

/// For `spec.name` "fronted"; errors as make_transport_dialer says. The parameters are those of read_front.
Result<std::unique_ptr<TransportDialer>> make_dialer(const TransportSpec& spec, const BridgeIdentity& bridge,
                                                     Dialer& tcp, std::string& why);

/// JA4 of the hellos that such a dialer sends to the edge. Nothing is sent.
Result<std::string> hello_ja4(const TransportSpec& spec, const BridgeIdentity& bridge, std::string& why);

}  // namespace surang::fronted
