// The routes that bring packets with the mark of captured ones back to this machine: a rule and a table of
// one local route for each family, by rtnetlink(7). Harmless while nothing sets the mark. Used by *_linux.cpp
// of this folder.
#pragma once

#include "transports/core/result.hpp"

namespace surang::client::capture {

/// Makes them, or finds them there. A family that this machine does not have is passed over.
Result<void> add_policy_routes();
/// Removes them, wherever they come from; it is no error that there are none.
Result<void> remove_policy_routes();

}  // namespace surang::client::capture
