// The client's end of fronted: sessions through an edge (PROTOCOL.md, fronted). registry makes it.
#pragma once

#include "transports/registry.hpp"

namespace surang::fronted {

/// For `spec.name` "fronted"; errors as make_transport_dialer says. The parameters are those of read_front.
Result<std::unique_ptr<TransportDialer>> make_dialer(const TransportSpec& spec, const BridgeIdentity& bridge,
                                                     Dialer& tcp, std::string& why);

}  // namespace surang::fronted
