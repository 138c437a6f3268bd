// First flights of our own, for asking a site whether a way works without any browser behind it.
#pragma once

#include <string>

#include "client/routing/first_flight.hpp"

namespace surang::client {

/// A ClientHello for `host` as ordinary TLS clients send it. Throws std::runtime_error when OpenSSL fails.
FirstFlight tls_probe_flight(const std::string& host);
/// HEAD / for `host`.
FirstFlight http_probe_flight(const std::string& host);
/// GET / for `host`: where the page itself is to be seen.
FirstFlight page_probe_flight(const std::string& host);
/// By the port: HTTP on 80 and 8080, TLS elsewhere.
FirstFlight probe_flight_for(const std::string& host, std::uint16_t port);

}  // namespace surang::client
