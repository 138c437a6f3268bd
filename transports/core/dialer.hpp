// Opens Streams to endpoints. A direct connection, an evasion, a tunnel, a whole pool of bridges are
// all Dialers; wrapping one in another is how Surang is extended.
#pragma once

#include "transports/core/endpoint.hpp"
#include "transports/core/stream.hpp"

namespace surang {

class Dialer {
 public:
  virtual ~Dialer() = default;

  /// A Stream to `to`. A tunnel may give the Stream before the far end answered (the first bytes then
  /// travel with the request); its failure shows at the first wait_readable or try_read.
  virtual asio::awaitable<Result<StreamPtr>> dial(Endpoint to) = 0;

  /// The same where nothing need be waited for, as on a tunnel that is up; else null.
  virtual StreamPtr dial_at_once([[maybe_unused]] const Endpoint& to) { return nullptr; }
};

}  // namespace surang
