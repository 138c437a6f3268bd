// How long the connections of a pluggable transport may rest. Both of its ends relay by it.
#pragma once

#include "transports/core/relay.hpp"

namespace surang::client::pt {

/// What rests is the parent's affair, which ends it when it likes; a day bounds what nobody will.
inline RelayOptions relay_limits() {
  RelayOptions out;
  out.idle_limit = std::chrono::hours(24);
  out.half_open_limit = std::chrono::hours(1);
  return out;
}

}  // namespace surang::client::pt
