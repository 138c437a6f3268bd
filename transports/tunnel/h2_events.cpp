// What an H2Session does with what nghttp2 tells it, and what its streams ask of nghttp2.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <charconv>
#include <utility>

#include "transports/tunnel/h2_session.hpp"
#include "transports/tunnel/proxy_status.hpp"

namespace surang::tunnel {

void H2Session::received(H2Stream* stream, std::int32_t id, std::span<const std::uint8_t> bytes) {
  const auto n = bytes.size();
  if (!stream) {  // closed at this end: what still comes has no reader
    give_back_session();
    if (std::exchange(last_reset_, id) != id)
      nghttp2_submit_rst_stream(h2_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    return;
  }
  stream->in_.append(bytes);
  // The session's window is given back at once, so that a stalled reader holds only its own stream.
  if (unread_ >= options_.max_unread) unconsumed_ += n;
  unread_ += n;
  give_back_session();
  for (auto* counter : options_.received)
    if (counter) counter->fetch_add(n, std::memory_order_relaxed);
  begin_round(n);
  stream->readable_.notify();
}

void H2Session::received_header(std::string_view name, std::string_view value, bool request) {
  auto& fields = header_.request;
  if (!request) {
    if (name == ":status")
      std::from_chars(value.data(), value.data() + value.size(), header_.status);
    else if (name == "proxy-status")
      header_.proxy_status = value;
    else if (options_.plain_answers && name == "content-type")
      header_.octets = value.starts_with("application/octet-stream");
    return;
  }
  if (name == ":method")
    fields.method = value;
  else if (name == ":authority")
    fields.authority = value;
  else if (name == ":scheme")
    fields.scheme = value;
  else if (name == ":path")
    fields.path = value;
  else if (name == ":protocol")
    fields.protocol = value;
  else if (name == "proxy-authorization")
    fields.proxy_authorization = value;
  else if (name == "x-forwarded-for")
    (fields.forwarded_for += fields.forwarded_for.empty() ? "" : ",") += value;
}

void H2Session::received_frame(const nghttp2_frame& frame) {
  const auto id = frame.hd.stream_id;
  if (frame.hd.type == NGHTTP2_PING) {
    std::uint64_t number = 0;
    std::copy_n(frame.ping.opaque_data, sizeof number, reinterpret_cast<std::uint8_t*>(&number));
    if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0 || number != ping_number_ ||
        ping_sent_ == Clock::time_point{})
      return;
    rtt_ = std::max(std::chrono::microseconds(1),
                    std::chrono::duration_cast<std::chrono::microseconds>(last_heard_ - ping_sent_));
    ping_sent_ = {};
    pong_.notify();
    return;
  }
  if (frame.hd.type == NGHTTP2_GOAWAY) {
    draining_ = true;
    return;
  }
  if (frame.hd.type != NGHTTP2_DATA && frame.hd.type != NGHTTP2_HEADERS) return;

  if (frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    std::unique_ptr<H2Stream> made(new H2Stream(*this, id, executor_, options_.stream_window));
    streams_.push_back(*made);
    nghttp2_session_set_stream_user_data(h2_, id, made.get());
    requests_.emplace_back(std::move(header_.request), std::move(made));
  }
  auto* stream = static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(h2_, id));
  if (!stream) return;
  if (frame.hd.type == NGHTTP2_HEADERS && !options_.server && !stream->established_ &&
      header_.status >= 200) {
    stream->established_ = true;
    stream->status_ = header_.status;
    if (options_.plain_answers) {
      stream->octets_ = header_.octets;
      stream->readable_.notify();
    } else if (header_.status >= 300) {
      stream->fail(error_of(header_.status, header_.proxy_status));
      reset(*stream);
      return;
    }
  }
  if (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) {
    stream->remote_ended_ = true;
    stream->readable_.notify();
  }
}

void H2Session::stream_closed(std::int32_t, std::uint32_t code, H2Stream* stream) {
  if (active_ > 0 && --active_ == 0) idle_since_ = Clock::now();
  if (!stream) return;
  stream->in_nghttp2_ = false;
  const bool clean = code == NGHTTP2_NO_ERROR && stream->remote_ended_ && stream->local_ended_;
  if (clean) return;
  stream->fail(code == NGHTTP2_REFUSED_STREAM ? make_error_code(Errc::unprocessed)  // RFC 9113 8.7
                                              : error_code(asio::error::connection_reset));
}

void H2Session::flood(FloodGuard::Kind kind) {
  if (guard_.admit(kind, last_heard_) || std::exchange(flooded_, true)) return;
  count_flood(kind);
}

void H2Session::count_flood(FloodGuard::Kind kind) {
  if (options_.floods_cut) ++(*options_.floods_cut)[static_cast<std::size_t>(kind)];
}

void H2Session::resume(H2Stream& stream, bool urgent) noexcept {
  if (finished_) return;
  nghttp2_session_resume_data(h2_, stream.id_);  // says so when the stream was not deferred; that is fine
  if (!flushed_) {
    first_data_ = true;
    coalesce_.cancel();
  }
  urgent ? kick() : nudge();
}

void H2Session::consumed(H2Stream& stream, std::size_t n) noexcept {
  unread_ -= std::min(n, unread_);
  if (finished_) return;
  if (const auto late = std::min(n, unconsumed_); late > 0) {
    unconsumed_ -= late;
    give_back_session();
  }
  if (stream.in_nghttp2_ && !stream.remote_ended_) {
    give_back(stream);
    if (ping_sent_ != Clock::time_point{}) {
      if (std::exchange(stream.round_, round_) != round_) stream.consumed_ = 0;
      stream.consumed_ += static_cast<std::uint32_t>(n);
      grow(stream);
    }
  }
  if (nghttp2_session_want_write(h2_)) kick();
}

// Windows are given back an eighth at a time. nghttp2 alone waits for a half, and with two windows one inside
// the other, each at its own point of its saw-tooth, the peer then stands still for much of every round trip.
void H2Session::give_back_session() noexcept {
  const auto due =
      nghttp2_session_get_effective_recv_data_length(h2_) - static_cast<std::int32_t>(unconsumed_);
  if (due >= static_cast<std::int32_t>(session_window_ / 8))
    nghttp2_submit_window_update(h2_, NGHTTP2_FLAG_NONE, 0, due);
}

void H2Session::give_back(H2Stream& stream) noexcept {
  const auto due = nghttp2_session_get_stream_effective_recv_data_length(h2_, stream.id_) -
                   static_cast<std::int32_t>(stream.in_.size());
  if (due >= static_cast<std::int32_t>(stream.window_ / 8))
    nghttp2_submit_window_update(h2_, NGHTTP2_FLAG_NONE, stream.id_, due);
}

void H2Session::reset(H2Stream& stream) noexcept {
  if (finished_ || !stream.in_nghttp2_) return;
  nghttp2_submit_rst_stream(h2_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_CANCEL);
  kick();
}

void H2Session::detach(H2Stream& stream, bool abort) noexcept {
  streams_.erase(streams_.iterator_to(stream));
  stream.session_ = nullptr;
  const auto unread = stream.in_.size();
  unread_ -= std::min(unread, unread_);
  if (finished_) return;
  if (const auto late = std::min(unread, unconsumed_); late > 0) {
    unconsumed_ -= late;
    give_back_session();
  }
  if (!stream.in_nghttp2_) return;
  nghttp2_session_set_stream_user_data(h2_, stream.id_, nullptr);
  const bool unanswered = options_.server && !stream.established_;
  if (abort || unread > 0 || unanswered || stream.error_) {
    nghttp2_submit_rst_stream(h2_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_CANCEL);
    kick();
  } else {
    nghttp2_session_resume_data(h2_, stream.id_);  // END_STREAM
    if (!stream.remote_ended_) lingering_.push_back({stream.id_, Clock::now() + options_.linger});
    nudge();
  }
}

}  // namespace surang::tunnel
