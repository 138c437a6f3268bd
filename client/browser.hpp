// The browser's side of a connection: its Stream and what has been read from it ahead of its use.
#pragma once

#include <chrono>
#include <string>

#include "transports/core/stream.hpp"

namespace surang::client {

/// A grace that does not end: something else tells when to stop.
inline constexpr std::chrono::hours kForEver{24 * 365};

struct Browser {
  StreamPtr stream;
  std::string input;   ///< read, not yet used
  bool ended = false;  ///< it has ended its direction

  explicit Browser(StreamPtr s) : stream(std::move(s)) {}

  /// Waits for more and appends it to `input`; 0 at the end.
  asio::awaitable<Result<std::size_t>> read_more();
  /// The same for at most `limit`; Errc::timed_out.
  asio::awaitable<Result<std::size_t>> read_more(std::chrono::steady_clock::duration limit);
  asio::awaitable<Result<void>> write(std::string_view text);

  /// Ends our direction and lets the browser read the last answer before the connection goes: closing with
  /// unread bytes would reset it. Bounded in time.
  asio::awaitable<void> finish();

  /// Returns when the browser is gone: at a failure at once, after `grace` when it only ended its direction.
  /// Meanwhile reads on into `input`, up to a bound. For use beside an operation that it should cancel, as a
  /// coroutine of its own (co_spawn): a cancellation ends it without a throw.
  asio::awaitable<void> until_gone(std::chrono::steady_clock::duration grace);
};

/// Reads what is there into `input`, waiting for the first byte; 0 at the end.
asio::awaitable<Result<std::size_t>> read_into(Stream& stream, std::string& input);

}  // namespace surang::client
