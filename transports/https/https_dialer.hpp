// Client end of the https transport: TLS 1.3 that resumes a session which the client minted itself
// (PROTOCOL.md, https).
#pragma once

#include "transports/core/dialer.hpp"
#include "transports/core/transport.hpp"
#include "transports/registry.hpp"

namespace surang::https {

/// Parameters: sni (the cover site's name, required), alpn (default "h2,http/1.1").
/// `tcp` opens the sockets and must outlive the dialer.
Result<std::unique_ptr<TransportDialer>> make_dialer(const TransportSpec& spec, const BridgeIdentity& bridge,
                                                     Dialer& tcp, std::string& why);

/// JA4 of the hellos that such a dialer sends. Nothing is sent.
Result<std::string> hello_ja4(const TransportSpec& spec, const BridgeIdentity& bridge, std::string& why);

}  // namespace surang::https
