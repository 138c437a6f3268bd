// Lines in, one line out each, over a Unix socket: add RULE, del ID, clear, list, delay, near, flows, stats.
// `execute` is the whole language; ControlSocket carries it. Called by main's loop.
#pragma once

#include <map>
#include <string>

#include "tests/censor/middlebox/engine.hpp"

namespace surang::censor {

std::string execute(Engine& engine, const std::string& line);

class ControlSocket {
 public:
  explicit ControlSocket(const std::string& path);  ///< throws when it cannot listen
  ~ControlSocket();
  int listener() const { return listener_; }
  int accept();  ///< the new connection's descriptor, or -1
  /// Serves what came in; false when the connection ended (it is closed then).
  bool serve(int connection, Engine& engine);

 private:
  std::string path_;
  int listener_ = -1;
  std::map<int, std::string> partial_;
};

}  // namespace surang::censor
