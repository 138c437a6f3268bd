// Names for the direct ways: the system's name servers and DNS over HTTPS, each behind a small cache, with
// one question in flight for each name.
#pragma once

#include <memory>

#include "client/dns/names.hpp"
#include "config/client_options.hpp"
#include "transports/core/dialer.hpp"

namespace surang::client {

/// `tunnel` (may be null) carries DNS over HTTPS where its providers cannot be reached directly.
std::unique_ptr<Names> make_direct_names(boost::asio::any_io_executor executor,
                                         const config::ClientOptions& options, Dialer* tunnel);

}  // namespace surang::client
