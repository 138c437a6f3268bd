// The CLI's side of the control socket: one JSON object a line each way (state_dir/control.sock, 0600).
// Requests: {"do":"status"}, {"do":"reload-users"}.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>

#include "transports/core/result.hpp"

namespace surang::bridge {

/// Asks the running bridge and waits at most 3 s. The system's error (no such file, refused) when none runs.
Result<boost::json::object> ask_running_bridge(const std::filesystem::path& socket,
                                               const boost::json::object& request);

}  // namespace surang::bridge
