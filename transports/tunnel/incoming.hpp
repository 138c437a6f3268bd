// A user's request at the bridge, as the Stream that it becomes when it is granted. Each kind of session has
// its own (h2_stream); Exit answers it.
#pragma once

#include <functional>

#include "transports/core/stream.hpp"

namespace surang::tunnel {

/// Dropped unanswered, it is reset.
class IncomingStream : public Stream {
 public:
  /// What it was asked for.
  enum class Grant {
    connection,  ///< to a destination
    datagrams,   ///< a flow of them
    answer,      ///< to a question: its text
  };

  /// Calls `tell` once when the stream breaks, or has; an empty one takes it back.
  virtual void when_broken(std::function<void()> tell) = 0;
  /// Says yes; before that nothing may be written.
  virtual void grant(Grant kind) = 0;
  /// Says why not, and closes. Errc::limit: too much was asked for.
  virtual void refuse_with(error_code why) = 0;
};

}  // namespace surang::tunnel
