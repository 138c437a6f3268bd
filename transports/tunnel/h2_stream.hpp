// One HTTP/2 stream of a session as a Stream: what CONNECT opened (RFC 9113 8.5). Made by H2Session only.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "transports/core/receive_queue.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/tunnel/incoming.hpp"

namespace surang::tunnel {

class H2Session;

struct H2Answer {
  int status = 0;
  bool octets = false;  ///< its body is of application/octet-stream (RFC 2046 4.5.1)
};

class H2Stream final : public IncomingStream, public boost::intrusive::list_base_hook<> {
 public:
  ~H2Stream() override;

  asio::any_io_executor executor() override;
  Result<std::size_t> try_read(asio::mutable_buffer into) override;
  asio::awaitable<Result<void>> wait_readable() override;
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override;
  asio::awaitable<Result<void>> shutdown_write() override;
  void close(bool abort = false) noexcept override;
  asio::awaitable<Result<void>> wait_broken() override;

  void when_broken(std::function<void()> tell) override;
  void grant(Grant kind) override;
  void refuse_with(error_code why) override;

  /// Server: answers with 200, and `content_type` (RFC 9110 8.3) unless it is empty; before that nothing may
  /// be written.
  void accept(std::string_view content_type = {});
  /// Server: answers with any status; `fields` have lower-case names (RFC 9113 8.2.1). Without a body it is
  /// whole then.
  void respond(int status, std::span<const std::pair<std::string_view, std::string_view>> fields,
               bool with_body);
  /// Server: answers with an error status and `proxy_status` (when not empty), and closes.
  void refuse(int status, std::string_view proxy_status);

  /// Client: the status that came; 0 before that.
  int status() const noexcept { return status_; }
  /// Client: the answer is whole, though it may not be read yet.
  bool answered_whole() const noexcept { return remote_ended_; }
  /// Client, where all answers are plain (H2Options::plain_answers): waits for the head of this one.
  asio::awaitable<Result<H2Answer>> answer();

 private:
  friend class H2Session;
  friend struct H2Callbacks;
  struct WriteGuard;
  H2Stream(H2Session& session, std::int32_t id, asio::any_io_executor executor, std::uint32_t window);

  bool readable() const noexcept { return closed_ || !in_.empty() || remote_ended_ || error_.failed(); }
  void fail(error_code why) noexcept;  // first reason wins

  H2Session* session_;  // null once the session is gone
  asio::any_io_executor executor_;
  std::int32_t id_;
  ReceiveQueue in_;
  Wakeup readable_, writable_;
  const std::uint8_t* out_ = nullptr;  // what write_all still has to hand over
  std::size_t out_left_ = 0;
  std::function<void()> tell_broken_;
  error_code error_;
  std::uint32_t window_;        // what we let the peer send ahead
  std::uint32_t round_ = 0;     // the round trip that consumed_ belongs to
  std::uint32_t consumed_ = 0;  // bytes read in it
  int status_ = 0;              // client: of the answer
  bool octets_ = false;         // client: its type
  bool closed_ = false;         // by us, both ways
  bool local_ended_ = false;    // END_STREAM asked for
  bool remote_ended_ = false;   // END_STREAM seen
  bool in_nghttp2_ = true;      // nghttp2 still knows the stream
  bool established_ = false;    // client: an answer has been seen; server: one has been given
};

}  // namespace surang::tunnel
