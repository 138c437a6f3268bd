// A Stream that sends its first flight in a manner that a box on the way does not see through, and is the
// plain connection from then on: it gives its socket away for splicing once the flight has left. Wrapped by
// attempts around direct connections; a bare one sends its flight as it is.
#pragma once

#include <functional>

#include "client/detection/way.hpp"
#include "transports/core/stream.hpp"

namespace surang::client {

/// `inner` itself for ways that do not cut the hello. The first write has to be the whole flight. `arrived`
/// (may be empty) is called during that write whenever a piece ahead of the last has been acknowledged, and
/// never afterwards.
StreamPtr evading(StreamPtr inner, Way way, std::function<void()> arrived = {});

}  // namespace surang::client
