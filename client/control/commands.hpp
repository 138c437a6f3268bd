// The command line of `surang`.
#pragma once

namespace surang::client {

/// Does what was asked and returns the exit code (client/app.hpp).
int run_command_line(int argc, char** argv);

}  // namespace surang::client
