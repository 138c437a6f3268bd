// Asks for the page that tells a captive portal: directly, in plain HTTP, at the address that the network's
// own name server gives. The Router calls it on every change of network; captive_portal judges the answer.
#pragma once

#include "client/detection/attempt.hpp"
#include "client/detection/captive_portal.hpp"
#include "config/client_options.hpp"

namespace surang::client {

/// `names` and `connector` must stay until it has ended; `known` block pages are no portals.
/// PortalAnswer::nothing when no answer comes in time.
asio::awaitable<PortalAnswer> ask_portal_probe(Names* names, Connector* connector,
                                               std::shared_ptr<const BlockPages> known,
                                               config::CaptiveProbe probe);

}  // namespace surang::client
