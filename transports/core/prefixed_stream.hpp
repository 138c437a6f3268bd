// A Stream of which some bytes were read already, to see what it is: they come first.
#pragma once

#include <string>

#include "transports/core/stream.hpp"

namespace surang {

/// `first`, then what `inner` gives; all else is `inner`'s.
StreamPtr make_prefixed_stream(std::string first, StreamPtr inner);

}  // namespace surang
