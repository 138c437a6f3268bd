// What the command lines of both programs have in common.
#pragma once

#include <CLI/CLI.hpp>

namespace surang::config {

/// Asks for one command. Unlike CLI11's own way, which only says that one is missing, an unknown word is
/// named.
inline void require_command(CLI::App& app) {
  app.require_subcommand(0, 1);
  app.callback([&app] {
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A command");
  });
}

}  // namespace surang::config
