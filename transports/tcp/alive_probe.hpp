// Asking a quiet TCP connection whether its other end is there: a segment without payload each second, which
// any TCP answers at once, whatever the program above it does (keep-alive, RFC 9293 3.8.4). Used where a site
// that takes its time is to be told from a connection that is dead; tcp_info tells the answer.
#pragma once

namespace surang {

/// Begins to ask, once the connection has been quiet for a second, or stops. It is never ended for want of an
/// answer sooner than in two minutes. False where the system does not do that, or does not tell what comes.
bool ask_alive(int socket, bool ask);

}  // namespace surang
