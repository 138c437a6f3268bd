// Which congestion control a socket uses. Called by the dialer and by whoever accepts on a bridge.
#pragma once

namespace surang {

/// Asks for BBR. False where the system has none; the socket then stays with the system's choice.
bool ask_for_bbr(int socket);

}  // namespace surang
