// One stream of a connection as a Stream: what a request opened (PROTOCOL.md, quic: streams). Made by
// Connection only.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "transports/core/receive_queue.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/quic/request.hpp"
#include "transports/quic/send_buffer.hpp"
#include "transports/tunnel/incoming.hpp"

namespace surang::quic {

class Connection;

// What the connection and whoever uses the stream have of it in common; it outlives both of them.
struct StreamState
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  /// Bytes that wait to be sent, before a writer waits.
  static constexpr std::size_t kMostUnsent = 256 * 1024;
  /// Bytes sent or not, before one waits: what the peer has not acknowledged is the peer's to decide.
  static constexpr std::size_t kMostHeld = 32 * 1024 * 1024;
  static constexpr std::size_t kMostDatagrams = 256 * 1024;  ///< bytes not read yet, with what they cost
  static constexpr std::size_t kDatagramCost = 64;           ///< of one, beside its bytes

  explicit StreamState(Connection& c) : connection(&c) {}
  bool readable() const noexcept {
    return released || !in.empty() || !datagrams.empty() || remote_ended || error.failed();
  }
  bool has_to_send() const noexcept { return out.waiting() > 0 || (ended && !end_sent); }
  void fail(error_code why) noexcept;  // the first reason wins

  Connection* connection;  // null once that is gone
  std::int64_t id = -1;    // until QUIC has given it one
  ReceiveQueue in;
  SendBuffer out;
  std::deque<std::vector<std::uint8_t>> datagrams;  // each as it came: address and payload
  std::size_t datagram_bytes = 0;
  RequestReader reader;  // bridge
  Wakeup readable_signal, writable_signal;
  std::function<void()> tell_broken;
  error_code error;
  std::size_t unconsumed = 0;  // read, and not yet given back to the peer's window
  std::size_t overhead = 0;    // bytes of `out` to come that are no payload
  bool known = false;          // bridge: the request is whole
  bool flow = false;           // its request is for datagrams
  bool counted = false;        // among Connection::streams()
  bool answered = false;       // client: the first byte of the answer came; bridge: it was given
  bool ended = false;          // our direction: no more is written
  bool end_sent = false;
  bool remote_ended = false;
  bool released = false;  // nobody uses it any more
};
using StreamStatePtr = std::shared_ptr<StreamState>;

class QuicStream final : public tunnel::IncomingStream {
 public:
  QuicStream(StreamStatePtr state, asio::any_io_executor executor);
  ~QuicStream() override;

  asio::any_io_executor executor() override { return executor_; }
  Result<std::size_t> try_read(asio::mutable_buffer into) override;
  asio::awaitable<Result<void>> wait_readable() override;
  Result<asio::const_buffer> try_write(asio::const_buffer from) override;
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override;
  asio::awaitable<Result<void>> shutdown_write() override;
  void close(bool abort = false) noexcept override;
  asio::awaitable<Result<void>> wait_broken() override;

  void when_broken(std::function<void()> tell) override;
  void grant(Grant kind) override;
  void refuse_with(error_code why) override;

  /// Of a flow: sends by a packet of its own, where it fits one. False: it does not.
  bool send_datagram(std::span<const std::uint8_t> bytes);
  /// The next datagram that came, or an empty one.
  std::vector<std::uint8_t> take_datagram();

 private:
  Result<void> may_write() const;

  const StreamStatePtr state_;
  const asio::any_io_executor executor_;
  bool closed_ = false;
};

}  // namespace surang::quic
