// Why a bridge could not reach a destination, as HTTP says it: a status and a Proxy-Status field (RFC 9209).
// Both directions of the translation; pure.
#pragma once

#include <string>
#include <string_view>

#include "transports/core/result.hpp"

namespace surang::tunnel {

struct Refusal {
  int status = 502;
  std::string proxy_status;  ///< "surang; error=connection_refused"
};

/// What an error of the egress says of the destination: one of Errc::destination_*. For every kind of
/// session.
Errc destination_error(const error_code& why);

/// What the acceptor answers for an error of its egress.
Refusal refusal_of(const error_code& why);

/// What the dialer makes of an answer other than 2xx: Errc::destination_*, proof_refused for 407.
error_code error_of(int status, std::string_view proxy_status);

}  // namespace surang::tunnel
