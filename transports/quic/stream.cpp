#include "transports/quic/stream.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "transports/quic/connection.hpp"

namespace surang::quic {

void StreamState::fail(error_code why) noexcept {
  if (!error) error = why;
  if (tell_broken) std::exchange(tell_broken, {})();
  readable_signal.notify();
  writable_signal.notify();
}

QuicStream::QuicStream(StreamStatePtr state, asio::any_io_executor executor)
    : state_(std::move(state)), executor_(std::move(executor)) {}

QuicStream::~QuicStream() {
  close(false);
}

Result<std::size_t> QuicStream::try_read(asio::mutable_buffer into) {
  auto& s = *state_;
  if (closed_) return make_error_code(Errc::closed);
  if (!s.in.empty()) {
    const auto n = s.in.read({static_cast<std::uint8_t*>(into.data()), into.size()});
    if (s.connection) s.connection->consumed(s, n);
    return n;
  }
  if (s.remote_ended) return std::size_t{0};
  if (s.error) return s.error;
  if (into.size() == 0) return std::size_t{0};
  return make_error_code(Errc::would_block);
}

asio::awaitable<Result<void>> QuicStream::wait_readable() {
  const auto s = state_;
  while (!closed_ && !s->readable()) co_await s->readable_signal.wait(executor_);
  if (closed_) co_return make_error_code(Errc::closed);
  co_return Result<void>{};
}

Result<void> QuicStream::may_write() const {
  if (closed_ || state_->ended) return make_error_code(Errc::closed);
  if (state_->error) return state_->error;
  if (!state_->connection) return error_code(asio::error::broken_pipe);
  return {};
}

Result<asio::const_buffer> QuicStream::try_write(asio::const_buffer from) {
  if (const auto may = may_write(); !may) return may.error();
  auto& s = *state_;
  const auto room = std::min(StreamState::kMostUnsent - std::min(StreamState::kMostUnsent, s.out.waiting()),
                             StreamState::kMostHeld - std::min(StreamState::kMostHeld, s.out.size()));
  const auto n = std::min(room, from.size());
  if (n > 0) {
    s.out.append({static_cast<const std::uint8_t*>(from.data()), n});
    s.connection->want_to_send(state_);
  }
  return from + n;
}

asio::awaitable<Result<void>> QuicStream::write_all(asio::const_buffer from) {
  struct Cut {  // what is cancelled half way has broken the byte stream: the peer must not take it for whole
    QuicStream& stream;
    asio::const_buffer& left;
    ~Cut() {
      if (left.size() > 0 && !stream.closed_ && !stream.state_->error) stream.close(true);
    }
  } const cut{*this, from};
  const auto s = state_;
  for (;;) {
    const auto left = try_write(from);
    if (!left) {
      from = {};
      co_return left.error();
    }
    from = *left;
    if (from.size() == 0) co_return Result<void>{};
    co_await s->writable_signal.wait(executor_);
  }
}

asio::awaitable<Result<void>> QuicStream::shutdown_write() {
  if (closed_) co_return make_error_code(Errc::closed);
  if (state_->ended) co_return Result<void>{};
  if (state_->error) co_return state_->error;
  if (!state_->connection) co_return error_code(asio::error::broken_pipe);
  state_->ended = true;
  state_->connection->want_to_send(state_);
  co_return Result<void>{};
}

void QuicStream::close(bool abort) noexcept {
  if (std::exchange(closed_, true)) return;
  auto& s = *state_;
  s.released = true;
  s.tell_broken = {};
  if (s.connection) s.connection->release(state_, abort);
  s.in.clear();
  s.datagrams.clear();
  s.readable_signal.notify();
  s.writable_signal.notify();
}

asio::awaitable<Result<void>> QuicStream::wait_broken() {
  const auto s = state_;
  while (!closed_ && !s->error) {
    const bool woken = co_await s->writable_signal.wait_unless_cancelled(executor_);
    if (!woken) break;
  }
  if (s->error) co_return s->error;
  co_return Result<void>{};
}

void QuicStream::when_broken(std::function<void()> tell) {
  state_->tell_broken = std::move(tell);
  if (state_->error && state_->tell_broken) std::exchange(state_->tell_broken, {})();
}

void QuicStream::grant(Grant) {
  if (!may_write() || std::exchange(state_->answered, true)) return;
  state_->out.append({&kGranted, 1});
  ++state_->overhead;
  state_->connection->want_to_send(state_);
}

void QuicStream::refuse_with(error_code why) {
  if (may_write() && !std::exchange(state_->answered, true)) {
    const auto byte = refusal_byte(why);
    state_->out.append({&byte, 1});
    ++state_->overhead;
    state_->ended = true;
    state_->connection->want_to_send(state_);
  }
  close(false);
}

bool QuicStream::send_datagram(std::span<const std::uint8_t> bytes) {
  auto& s = *state_;
  return !closed_ && s.connection && s.connection->send_datagram(s, bytes);
}

std::vector<std::uint8_t> QuicStream::take_datagram() {
  auto& s = *state_;
  if (s.datagrams.empty()) return {};
  auto first = std::move(s.datagrams.front());
  s.datagrams.pop_front();
  s.datagram_bytes -= first.size() + StreamState::kDatagramCost;
  return first;
}

}  // namespace surang::quic
