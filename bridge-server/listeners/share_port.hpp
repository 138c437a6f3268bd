// Several workers listening at one address, the kernel spreading connections among them.
#pragma once

#include "transports/core/result.hpp"

namespace surang::bridge {

/// SO_REUSEPORT, before bind. Empty `ec`: set. A system without it says operation_not_supported.
void share_port(int socket, error_code& ec);

/// Whether workers can share a port here at all; otherwise there is one worker.
bool can_share_ports() noexcept;

}  // namespace surang::bridge
