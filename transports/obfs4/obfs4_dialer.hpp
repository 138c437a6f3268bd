// Client end of the obfs4 transport (PROTOCOL.md, obfs4).
#pragma once

#include "transports/core/dialer.hpp"
#include "transports/core/transport.hpp"
#include "transports/registry.hpp"

namespace surang::obfs4 {

/// Parameters: cert (required), iat-mode (0, 1 or 2; default 0), shape ("plain", or "printable", the default:
/// a hello that passes the high-entropy rule). `tcp` opens the sockets and must outlive the dialer.
Result<std::unique_ptr<TransportDialer>> make_dialer(const TransportSpec& spec, const BridgeIdentity& bridge,
                                                     Dialer& tcp, std::string& why);

/// To a bridge that knows no user: obfs4 alone, as a bridge line says it. The same parameters.
Result<RawDialer> make_raw_dialer(const TransportSpec& spec, const BridgeIdentity& bridge, Dialer& tcp,
                                  std::string& why);

}  // namespace surang::obfs4
