// The commands of surang-bridge. Every command gives the exit code: 0, 3 not running, 64 usage, 69
// unavailable, 77 permission, 78 configuration (sysexits.h).
#pragma once

namespace surang::bridge {

int run_cli(int argc, const char* const* argv);

}  // namespace surang::bridge
