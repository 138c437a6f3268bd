#include "transports/tunnel/h2_callbacks.hpp"

#include <openssl/rand.h>

#include <algorithm>

#include "transports/tunnel/h2_batch.hpp"
#include "transports/tunnel/h2_session.hpp"

namespace surang::tunnel {

struct H2Callbacks {
  static H2Session& self(void* user) { return *static_cast<H2Session*>(user); }
  static H2Stream* stream_of(nghttp2_session* h2, std::int32_t id) {
    return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(h2, id));
  }

  // What the next DATA frame of a stream carries. Nobody owns the stream any more: it ends here.
  static ssize_t read_data(nghttp2_session* h2, std::int32_t id, std::uint8_t*, std::size_t length,
                           std::uint32_t* flags, nghttp2_data_source*, void*) {
    H2Stream* stream = stream_of(h2, id);
    if (!stream || (stream->out_left_ == 0 && stream->local_ended_)) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      return 0;
    }
    if (stream->out_left_ == 0) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return static_cast<ssize_t>(std::min(length, stream->out_left_));
  }

  static int send_data(nghttp2_session* h2, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t length, nghttp2_data_source*, void* user) {
    H2Session& session = self(user);
    auto& batch = *session.batch_;
    const std::size_t padding = frame->data.padlen;
    if (batch.room() < kFrameHead + length + padding + H2Session::Batch::kControl)
      return NGHTTP2_ERR_WOULDBLOCK;
    H2Stream* stream = stream_of(h2, frame->hd.stream_id);
    if (!stream || stream->out_left_ < length) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    batch.append({head, kFrameHead});
    if (padding > 0) {
      const auto trailing = static_cast<std::uint8_t>(padding - 1);
      batch.append({&trailing, 1});
    }
    batch.append({stream->out_, length});
    if (padding > 1) batch.append_zeros(padding - 1);
    batch.wants_answer = true;
    stream->out_ += length;
    stream->out_left_ -= length;
    for (auto* counter : session.options_.sent)
      if (counter) counter->fetch_add(length, std::memory_order_relaxed);
    if (stream->out_left_ == 0) stream->writable_.notify();
    return batch.full() ? NGHTTP2_ERR_PAUSE : 0;
  }

  static ssize_t frame_length(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t session_window,
                              std::int32_t stream_window, std::uint32_t max_frame, void* user) {
    const auto ours = std::min(max_frame, self(user).options_.max_frame);
    return std::min({static_cast<ssize_t>(ours), static_cast<ssize_t>(session_window),
                     static_cast<ssize_t>(stream_window)});
  }

  static ssize_t select_padding(nghttp2_session*, const nghttp2_frame* frame, std::size_t max_length,
                                void* user) {
    H2Session& session = self(user);
    if (session.pads_left_ == 0) return static_cast<ssize_t>(frame->hd.length);
    --session.pads_left_;
    std::uint16_t draw = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&draw), sizeof draw);
    const auto padding = session.pad_low_ + draw % (session.pad_high_ - session.pad_low_ + 1);
    return static_cast<ssize_t>(std::min(max_length, frame->hd.length + padding));
  }

  static int on_data(nghttp2_session* h2, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t length, void* user) {
    self(user).received(stream_of(h2, id), id, {data, length});
    return 0;
  }

  // The stream has cost the peer a round trip, and can be reset only once: that is no flood.
  static bool answered(nghttp2_session* h2, std::int32_t id) {
    if (const H2Stream* stream = stream_of(h2, id)) return stream->established_;
    return nghttp2_session_get_stream_local_close(h2, id) >= 0;  // done with by us, and known still
  }

  static int on_begin_frame(nghttp2_session* h2, const nghttp2_frame_hd* head, void* user) {
    using Kind = FloodGuard::Kind;
    H2Session& session = self(user);
    switch (head->type) {
      case NGHTTP2_DATA:
        if (head->length == 0 && (head->flags & NGHTTP2_FLAG_END_STREAM) == 0)
          session.flood(Kind::empty_data);
        break;
      case NGHTTP2_RST_STREAM:
        if (!answered(h2, head->stream_id)) session.flood(Kind::reset);
        break;
      case NGHTTP2_PING:
        session.flood(head->flags & NGHTTP2_FLAG_ACK ? Kind::useless : Kind::ping);
        break;
      case NGHTTP2_SETTINGS:
        session.flood(head->flags & NGHTTP2_FLAG_ACK ? Kind::useless : Kind::settings);
        break;
      case NGHTTP2_HEADERS:
      case NGHTTP2_WINDOW_UPDATE:
        break;
      default:
        session.flood(Kind::useless);
    }
    return 0;
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    H2Session& session = self(user);
    session.header_ = {};
    session.header_.stream = frame->hd.stream_id;
    // nghttp2 knows the stream from now on, whatever becomes of its header.
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) ++session.active_;
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t, void* user) {
    H2Session& session = self(user);
    session.header_.bytes += name_length + value_length + 32;  // RFC 9113 6.5.2
    if (session.header_.bytes > session.options_.max_header_bytes) {
      if (session.options_.headers_refused) ++*session.options_.headers_refused;
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    session.received_header({reinterpret_cast<const char*>(name), name_length},
                            {reinterpret_cast<const char*>(value), value_length},
                            frame->headers.cat == NGHTTP2_HCAT_REQUEST);
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).received_frame(*frame);
    return 0;
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int error, void* user) {
    auto* counter = self(user).options_.streams_refused;
    if (error == NGHTTP2_ERR_REFUSED_STREAM && counter) ++*counter;
    return 0;
  }

  static int on_stream_close(nghttp2_session* h2, std::int32_t id, std::uint32_t code, void* user) {
    self(user).stream_closed(id, code, stream_of(h2, id));
    return 0;
  }
};

const nghttp2_session_callbacks* h2_callbacks() {
  static const nghttp2_session_callbacks* const table = [] {
    nghttp2_session_callbacks* c = nullptr;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_send_data_callback(c, H2Callbacks::send_data);
    nghttp2_session_callbacks_set_data_source_read_length_callback(c, H2Callbacks::frame_length);
    nghttp2_session_callbacks_set_select_padding_callback(c, H2Callbacks::select_padding);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, H2Callbacks::on_data);
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, H2Callbacks::on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, H2Callbacks::on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, H2Callbacks::on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, H2Callbacks::on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, H2Callbacks::on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, H2Callbacks::on_stream_close);
    return c;
  }();
  return table;
}

nghttp2_data_provider h2_data_provider() {
  nghttp2_data_provider provider{};
  provider.read_callback = H2Callbacks::read_data;
  return provider;
}

}  // namespace surang::tunnel
