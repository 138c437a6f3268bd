// A session of fronted: two directions of acknowledged bytes, which any number of requests carry a piece of
// at a time, and which their loss does not harm. The same at both ends; edge_requests (client) and
// origin_session (bridge) carry it, make_stream gives it to whoever speaks inside.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "transports/core/stream.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/fronted/reassembly.hpp"
#include "transports/fronted/send_window.hpp"

namespace surang::fronted {

struct SessionLimits {
  std::size_t send = 8 * 1024 * 1024;     ///< bytes that were written and not acknowledged
  std::size_t receive = 8 * 1024 * 1024;  ///< bytes that have come and were not read
  std::size_t unsent = send;              ///< of those in `send`, the ones that no request has taken yet
};

class Session {
 public:
  Session(asio::any_io_executor executor, SessionLimits limits)
      : executor_(std::move(executor)), out_(limits.send), in_(limits.receive), most_unsent_(limits.unsent) {}
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // What the stream writes, by its offset.

  /// Waits until a byte at `from` was written, the direction has ended there, or the session is broken, which
  /// is the error.
  asio::awaitable<Result<void>> wait_output(std::uint64_t from);
  /// Copies what was written from `from` on; Errc::bad_input where that was acknowledged before, or never
  /// written.
  Result<std::size_t> copy_output(std::uint64_t from, std::span<std::uint8_t> into);
  /// The peer has all before `offset`; false when it cannot.
  bool acknowledge(std::uint64_t offset);
  /// Where the direction has ended.
  std::optional<std::uint64_t> output_end() const noexcept { return output_end_; }
  std::uint64_t written() const noexcept { return out_.end(); }
  /// Waits until the peer has all that was written, or the session is broken.
  asio::awaitable<Result<void>> wait_acknowledged();
  std::uint64_t acknowledged() const noexcept { return out_.begin(); }

  // What the stream reads.

  /// Takes bytes of the peer's, waiting for room where there is none. A cancellation leaves out what was not
  /// taken yet. Errc::protocol for bytes behind the end.
  asio::awaitable<Result<void>> deliver(std::uint64_t offset, std::span<const std::uint8_t> bytes);
  /// The peer's direction ends at `offset`; Errc::protocol where that contradicts what has come.
  Result<void> deliver_end(std::uint64_t offset);
  /// All before this has come.
  std::uint64_t received() const noexcept { return in_.next(); }
  /// The same, and the end.
  bool received_all() const noexcept { return input_end_ && in_.next() == *input_end_; }

  /// Ends it for good: reading and writing tell `why` from now on. The first one counts.
  void fail(error_code why);
  error_code failure() const noexcept { return failure_; }
  /// The stream is gone; nobody reads or writes any more.
  bool left() const noexcept { return left_; }
  /// Waits until the stream is gone or the session broken.
  asio::awaitable<void> wait_left();

 private:
  friend class SessionStream;

  std::size_t room() const noexcept;

  asio::any_io_executor executor_;
  SendWindow out_;
  Reassembly in_;
  const std::size_t most_unsent_;
  std::uint64_t sent_ = 0;        // all before it was taken by some request
  Wakeup output_, acknowledged_;  // there is more to send; there is more room to write
  Wakeup input_, room_;           // there is more to read; there is more room to deliver
  Wakeup gone_;
  std::optional<std::uint64_t> output_end_, input_end_;
  error_code failure_;
  bool left_ = false;
};

/// The session as a Stream. Closing it, which its destruction does, breaks the session unless both directions
/// have ended.
StreamPtr make_stream(std::shared_ptr<Session> session);

}  // namespace surang::fronted
