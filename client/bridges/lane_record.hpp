// How one lane has fared on one network: since when it is blocked there, and how long it is left alone before
// it is tried again. Pure; kept by lane_store, in unix seconds because it outlives the process.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "transports/registry.hpp"

namespace surang::client {

struct LaneRecord {
  std::int64_t worked = 0;    ///< when it was last chosen; 0: never here
  std::int64_t since = 0;     ///< failing while others work since then; 0: it is not
  std::int64_t relapsed = 0;  ///< when it last failed while it was carrying
  int refusals = 0;           ///< tried in vain, in a row
  int relapses = 0;           ///< how often it failed while carrying, each within an hour of the one before
  friend bool operator==(const LaneRecord&, const LaneRecord&) = default;
};

void note_worked(LaneRecord& record, std::int64_t now);
void note_refused(LaneRecord& record, std::int64_t now);
void note_relapsed(LaneRecord& record, std::int64_t now);
/// From the last failure until it is tried again: 1 min, doubled by each; up to 10 min for trials in vain, up
/// to an hour for what works and then fails again.
std::chrono::seconds pause_after(const LaneRecord& record, std::int64_t now);

/// What a lane is remembered under: 16 hex digits that tell nothing of the bridge to who has no link.
std::string lane_key(const TransportSpec& spec, const BridgeIdentity& bridge);

}  // namespace surang::client
