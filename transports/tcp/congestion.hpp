// How a socket shares its way. Called by whoever dials or accepts; a refusal by the system changes nothing else.
#pragma once

namespace surang {

/// Asks for BBR. False where the system has none; the socket then stays with the system's choice.
bool ask_for_bbr(int socket);

/// For a connection that carries many others: BBR, and no more than 128 KiB waiting in the kernel unsent, so that
/// a click need not queue behind seconds of somebody's upload (TCP_NOTSENT_LOWAT).
void tune_carrier(int socket);

}  // namespace surang
