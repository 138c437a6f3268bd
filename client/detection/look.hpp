// One way asked once by a flight of our own, for as long as a silence takes to count. Confirming a failure
// and retesting a verdict are made of looks.
#pragma once

#include "client/detection/race.hpp"

namespace surang::client {

struct Look {
  std::shared_ptr<Attempt> attempt;
  bool works = false;  ///< an answer that stands; otherwise attempt->view.signal says what came instead
};

/// `tools.dead_address` should be empty: a look tests that very knowledge. Leaves nothing running behind,
/// whatever way it ends.
asio::awaitable<Look> look_by(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits, Way way,
                              Endpoint to, std::shared_ptr<const FirstFlight> flight);

}  // namespace surang::client
