// What the bridge shows to whoever fails: nothing. Bytes are read and thrown away until a time that depends
// on the bridge alone, then the connection ends in order (PROTOCOL.md, obfs4: failure). Against probing as in
// Frolov et al., "Detecting Probe-resistant Proxies" (NDSS 2020).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>

#include "transports/core/stream.hpp"

namespace surang::obfs4 {

/// Of one listener; `held` counts those that are being shown nothing now.
struct Silence {
  std::chrono::steady_clock::duration until_end{std::chrono::seconds(30)};  ///< from accepting to the end
  std::size_t most = 4096;  ///< of `held`; whoever comes beyond is cut at once
  std::atomic<std::size_t>* held = nullptr;
};

/// Ends `raw` at `accepted` + until_end, whatever comes, whoever ends his direction; a reset ends it at once.
asio::awaitable<void> fall_silent(StreamPtr raw, std::chrono::steady_clock::time_point accepted, Silence how);

}  // namespace surang::obfs4
