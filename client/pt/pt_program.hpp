// `surang pt`: the managed pluggable transport that a Tor, or another program that speaks pt-spec 1, starts.
// It is configured by its environment and answers on stdout; an obfs4 like obfs4proxy and lyrebird, in their
// place.
#pragma once

#include <string>
#include <string_view>

namespace surang::client::pt {

/// What `surang pt --help` adds to the options: how to put it into a torrc.
extern const std::string_view kTorrcHelp;

/// Runs until a signal, the end of stdin or of the parent ends it. `log_level` as in a configuration, empty
/// for nothing but what ends it at once; logs to spdlog's default logger. Returns an ExitCode.
int run_pt(const std::string& log_level);

}  // namespace surang::client::pt
