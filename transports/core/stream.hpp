// A byte stream both ways, the one abstraction that everything wraps: TCP, TLS, an HTTP/2 tunnel.
// Used from one executor only. Destroying a Stream closes it; nothing may be pending on it then.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

#include "transports/core/result.hpp"

namespace surang {

namespace asio = boost::asio;

class Stream {
 public:
  virtual ~Stream() = default;

  virtual asio::any_io_executor executor() = 0;

  /// Reads what is there without waiting. 0: the peer ended its direction (or `into` is empty).
  /// Errc::would_block: nothing there yet.
  virtual Result<std::size_t> try_read(asio::mutable_buffer into) = 0;

  /// Waits until try_read may have something to say (bytes, the end, an error). May wake for nothing.
  /// Holds no buffer meanwhile, so an idle stream costs no memory. One waiter at a time.
  virtual asio::awaitable<Result<void>> wait_readable() = 0;

  /// Writes what goes without waiting, mostly all of it, and gives what is left for write_all. Not beside
  /// one.
  virtual Result<asio::const_buffer> try_write(asio::const_buffer from);

  /// Writes all of `from`, which stays the caller's until the operation ends. One writer at a time.
  virtual asio::awaitable<Result<void>> write_all(asio::const_buffer from) = 0;

  /// Ends our direction; the peer may still send.
  virtual asio::awaitable<Result<void>> shutdown_write() = 0;

  /// Ends both directions at once; pending operations fail. With `abort` the peer sees a reset
  /// (TCP RST, RST_STREAM) where the stream has one, so that it does not take the cut for the end.
  virtual void close(bool abort = false) noexcept = 0;

  /// The socket when this is a plain TCP connection (for splice and TCP_INFO), else -1. Stays the stream's.
  virtual int native_socket() const noexcept { return -1; }

  /// The socket that carries this stream's bytes, under whatever wraps it, for looking at (TCP_INFO) only; -1
  /// when there is none.
  virtual int carrier_socket() const noexcept { return native_socket(); }

  /// Waits until native_socket() may take bytes; an error where that is -1. Not beside a write_all.
  virtual asio::awaitable<Result<void>> wait_writable();

  /// Waits until the connection is broken (a reset), which is the error; for one that has ended its direction
  /// and is read no more. No error: this stream does not tell, or was closed here.
  virtual asio::awaitable<Result<void>> wait_broken();

  /// At least one byte, or 0 at the end; try_read and wait_readable in one.
  virtual asio::awaitable<Result<std::size_t>> read_some(asio::mutable_buffer into);

  /// The same within `limit`; Errc::timed_out after that.
  virtual asio::awaitable<Result<std::size_t>> read_some_for(asio::mutable_buffer into,
                                                             std::chrono::steady_clock::duration limit);

  /// Fills all of `into`; Errc::truncated when the peer ends first.
  asio::awaitable<Result<void>> read_exactly(asio::mutable_buffer into);
};

using StreamPtr = std::unique_ptr<Stream>;

}  // namespace surang
