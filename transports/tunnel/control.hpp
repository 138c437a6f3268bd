// Asks what a destination looks like from elsewhere. The client's bridges are one, by the session that is up
// (bridge_pool, tunnel_dialer); so is what the bridge itself answers from (bridge-server/egress/reach_check).
#pragma once

#include "transports/core/endpoint.hpp"
#include "transports/core/stream.hpp"
#include "transports/tunnel/reach_answer.hpp"

namespace surang::tunnel {

class Control {
 public:
  virtual ~Control() = default;

  /// What `to` is from there now, or some seconds ago; within 5 s. No answer, and so nothing to go by:
  /// Errc::no_route when no session is up (none is made for it), Errc::timed_out when one was and did not
  /// answer, Errc::destination_denied by the egress policy, Errc::limit for too much asked, Errc::protocol
  /// from a bridge that does not know the question.
  virtual asio::awaitable<Result<ReachAnswer>> reach(Endpoint to) = 0;
};

}  // namespace surang::tunnel
