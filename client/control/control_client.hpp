// Asks a running client over its control socket. Blocking; for the CLI.
#pragma once

#include <chrono>

#include "client/control/control_server.hpp"

namespace surang::client {

/// `target` in origin form, "/why?host=x.com". An error of the system when no client runs there
/// (no_such_file_or_directory, connection_refused) or may not be asked (permission_denied); Errc::timed_out
/// when the whole answer is not there after `limit`.
Result<ControlAnswer> ask_client(const std::filesystem::path& socket, const std::string& method,
                                 const std::string& target,
                                 std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace surang::client
