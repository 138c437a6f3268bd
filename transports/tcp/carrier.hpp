// The TCP connection that carries a transport to its bridge. The transports' client ends call it.
#pragma once

#include <string>
#include <vector>

#include "transports/core/dialer.hpp"

namespace surang {

/// Dials `hosts` (names or addresses) at `port` in order until one answers, and tunes the connection to carry
/// many others; the last one's error. Errc::no_route for no hosts. `tcp` must outlive it.
asio::awaitable<Result<StreamPtr>> dial_carrier(Dialer& tcp, std::vector<std::string> hosts,
                                                std::uint16_t port);

}  // namespace surang
