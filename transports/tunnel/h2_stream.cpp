#include "transports/tunnel/h2_stream.hpp"

#include <utility>

#include "transports/tunnel/connect_udp.hpp"
#include "transports/tunnel/h2_session.hpp"
#include "transports/tunnel/proxy_status.hpp"

namespace surang::tunnel {

// A write that is cancelled half way has broken the byte stream: the peer must not take it for whole.
struct H2Stream::WriteGuard {
  H2Stream& stream;
  ~WriteGuard() {
    if (stream.out_left_ == 0) return;
    stream.out_left_ = 0;
    stream.fail(make_error_code(Errc::closed));
    if (stream.session_) stream.session_->reset(stream);
  }
};

H2Stream::H2Stream(H2Session& session, std::int32_t id, asio::any_io_executor executor, std::uint32_t window)
    : session_(&session), executor_(std::move(executor)), id_(id), window_(window) {
  readable_.share_context(session.write_wanted_);
  writable_.share_context(session.write_wanted_);
}

H2Stream::~H2Stream() {
  close(false);
}

asio::any_io_executor H2Stream::executor() {
  return executor_;
}

Result<std::size_t> H2Stream::try_read(asio::mutable_buffer into) {
  if (closed_) return make_error_code(Errc::closed);
  if (!in_.empty()) {
    const auto n = in_.read({static_cast<std::uint8_t*>(into.data()), into.size()});
    if (session_) session_->consumed(*this, n);
    return n;
  }
  if (remote_ended_) return std::size_t{0};
  if (error_) return error_;
  if (into.size() == 0) return std::size_t{0};
  return make_error_code(Errc::would_block);
}

asio::awaitable<Result<void>> H2Stream::wait_readable() {
  while (!readable()) co_await readable_.wait(executor_);
  if (closed_) co_return make_error_code(Errc::closed);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> H2Stream::write_all(asio::const_buffer from) {
  if (closed_ || local_ended_) co_return make_error_code(Errc::closed);
  if (error_) co_return error_;
  if (from.size() == 0) co_return Result<void>{};
  if (!in_nghttp2_) co_return error_code(asio::error::broken_pipe);
  const WriteGuard guard{*this};
  out_ = static_cast<const std::uint8_t*>(from.data());
  out_left_ = from.size();
  session_->resume(*this);
  while (out_left_ > 0 && !closed_) co_await writable_.wait(executor_);
  if (error_) co_return error_;
  if (closed_) co_return make_error_code(Errc::closed);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> H2Stream::shutdown_write() {
  if (closed_) co_return make_error_code(Errc::closed);
  if (local_ended_) co_return Result<void>{};
  if (error_) co_return error_;
  local_ended_ = true;
  if (session_ && in_nghttp2_) session_->resume(*this, false);
  co_return Result<void>{};
}

void H2Stream::close(bool abort) noexcept {
  if (closed_) return;
  closed_ = true;
  const bool unwritten = out_left_ > 0;
  out_left_ = 0;
  if (session_) session_->detach(*this, abort || unwritten);
  in_.clear();
  readable_.notify();
  writable_.notify();
}

void H2Stream::accept(std::string_view content_type) {
  if (closed_ || !session_ || !in_nghttp2_) return;
  established_ = true;
  session_->accept(*this, content_type);
}

void H2Stream::respond(int status, std::span<const H2Field> fields, bool with_body) {
  if (closed_ || !session_ || !in_nghttp2_) return;
  established_ = true;
  local_ended_ = !with_body;
  session_->respond(*this, status, fields, with_body);
}

void H2Stream::refuse(int status, std::string_view proxy_status) {
  if (closed_) return;
  if (session_ && in_nghttp2_) {
    established_ = local_ended_ = true;
    session_->consumed(*this,
                       in_.size());  // what came ahead of the answer; a reset would overtake the answer
    in_.clear();
    session_->refuse(*this, status, proxy_status);
  }
  close(false);
}

void H2Stream::grant(Grant kind) {
  switch (kind) {
    case Grant::connection:
      return accept();
    case Grant::datagrams:
      return respond(200, kCapsuleFields, true);
    case Grant::answer:
      return accept("application/json");
  }
}

void H2Stream::refuse_with(error_code why) {
  const auto refusal = refusal_of(why);
  refuse(refusal.status, refusal.proxy_status);
}

asio::awaitable<Result<void>> H2Stream::wait_broken() {
  while (!closed_ && !error_) {
    const bool woken = co_await writable_.wait_unless_cancelled(executor_);
    if (!woken) break;
  }
  if (error_) co_return error_;
  co_return Result<void>{};
}

asio::awaitable<Result<H2Answer>> H2Stream::answer() {
  while (!closed_ && !established_ && !error_) co_await readable_.wait(executor_);
  if (closed_) co_return make_error_code(Errc::closed);
  if (!established_) co_return error_;
  co_return H2Answer{status_, octets_};
}

void H2Stream::when_broken(std::function<void()> tell) {
  tell_broken_ = std::move(tell);
  if (error_ && tell_broken_) std::exchange(tell_broken_, {})();
}

void H2Stream::fail(error_code why) noexcept {
  if (!error_) error_ = why;
  out_left_ = 0;
  if (tell_broken_) std::exchange(tell_broken_, {})();
  readable_.notify();
  writable_.notify();
}

}  // namespace surang::tunnel
