#include "transports/tunnel/h2_session.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <new>

#include "transports/core/buffer.hpp"
#include "transports/tunnel/h2_batch.hpp"
#include "transports/tunnel/h2_callbacks.hpp"

namespace surang::tunnel {
namespace {

constexpr std::chrono::milliseconds kCompany{1};

asio::awaitable<void> wait_on(asio::steady_timer& timer) {
  error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
}

// Does a living peer react to this frame?
bool wants_answer(const std::uint8_t* frame, std::size_t length) {
  if (length < kFrameHead) return false;
  const auto type = frame[3];
  const bool ack = frame[4] & NGHTTP2_FLAG_ACK;
  return type == NGHTTP2_HEADERS || ((type == NGHTTP2_PING || type == NGHTTP2_SETTINGS) && !ack);
}

// nghttp2 copies both.
nghttp2_nv field(std::string_view name, std::string_view value, std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), flags};
}

// One that no compression may remember.
nghttp2_nv secret_field(std::string_view name, std::string_view value) {
  return field(name, value, NGHTTP2_NV_FLAG_NO_INDEX);
}

}  // namespace

H2Session::H2Session(StreamPtr transport, const H2Options& options, H2Observer* observer)
    : transport_(std::move(transport)),
      options_(options),
      observer_(observer),
      executor_(transport_->executor()),
      tasks_(executor_),
      guard_(options.floods),
      company_(executor_),
      coalesce_(executor_),
      watch_(executor_),
      session_window_(options.session_window),
      pads_left_(options.padded_frames),
      started_(Clock::now()),
      last_heard_(started_),
      idle_since_(started_),
      tokens_at_(started_),
      held_(options.hold_output) {
  std::uint8_t draw[2] = {};
  RAND_bytes(draw, sizeof draw);
  pad_low_ = 1 + draw[0] % 64u;
  pad_high_ = pad_low_ + 64 + draw[1] % 127u;  // at most 255 and the length byte
  open_nghttp2();
}

H2Session::~H2Session() {
  requests_.clear();
  while (!streams_.empty()) {
    H2Stream& stream = streams_.front();
    streams_.pop_front();
    stream.session_ = nullptr;
    stream.in_nghttp2_ = false;
    stream.fail(asio::error::connection_reset);
  }
  nghttp2_session_del(h2_);
}

void H2Session::open_nghttp2() {
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_peer_max_concurrent_streams(option, options_.max_streams);
  nghttp2_option_set_stream_reset_rate_limit(option, 1 << 30, 1 << 30);  // FloodGuard counts them
  const int made = options_.server ? nghttp2_session_server_new2(&h2_, h2_callbacks(), this, option)
                                   : nghttp2_session_client_new2(&h2_, h2_callbacks(), this, option);
  nghttp2_option_del(option);
  if (made != 0) throw std::bad_alloc();
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, std::max<std::uint32_t>(options_.max_frame, 1 << 14)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options_.max_header_bytes},
      options_.server ? nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_streams}
                      : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  };
  const auto count = std::size(settings) - (options_.extended_connect ? 0 : 1);
  nghttp2_submit_settings(h2_, NGHTTP2_FLAG_NONE, settings, count);
  nghttp2_session_set_local_window_size(h2_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(options_.session_window));
}

asio::awaitable<error_code> H2Session::run() {
  tasks_.spawn(read_loop());
  tasks_.spawn(write_loop());
  tasks_.spawn(watch_loop());
  std::exception_ptr failure;
  try {
    while (!finished_) co_await finished_signal_.wait(executor_);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  finish(asio::error::operation_aborted);
  tasks_.cancel();
  co_await tasks_.join();
  if (failure) std::rethrow_exception(failure);
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  co_return result_;
}

asio::awaitable<void> H2Session::read_loop() {
  for (;;) {
    if (auto ready = co_await transport_->wait_readable(); !ready) co_return finish(ready.error());
    ScratchBuffer scratch;
    for (;;) {
      const auto n = transport_->try_read(scratch.all());
      if (!n) {
        if (n.error() == Errc::would_block) break;
        co_return finish(n.error());
      }
      if (*n == 0)
        co_return finish(active_ == 0 || leaving() ? result_ : error_code(asio::error::connection_reset));
      if (!take_input({scratch.data(), *n})) co_return;
      // Let those who were given bytes take them before more come.
      if (*n >= ScratchBuffer::kSize / 4) co_await asio::post(executor_, asio::use_awaitable);
    }
  }
}

bool H2Session::take_input(std::span<const std::uint8_t> bytes) {
  if (finished_) return false;
  last_heard_ = Clock::now();
  heard_ = true;
  unanswered_since_ = writing_ ? last_heard_ : Clock::time_point{};
  answer_wanted_ = answer_wanted_ && writing_;
  if (muted_ || leaving()) return true;
  const auto n = nghttp2_session_mem_recv(h2_, bytes.data(), bytes.size());
  if (n < 0) {
    const bool flooded = n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
    if (flooded)
      count_flood(n == NGHTTP2_ERR_FLOODED ? FloodGuard::Kind::useless : FloodGuard::Kind::continuation);
    finish(make_error_code(flooded ? Errc::limit : Errc::protocol));
    return false;
  }
  if (flooded_ && result_ != Errc::limit) {
    result_ = make_error_code(Errc::limit);
    nghttp2_session_terminate_session(h2_, NGHTTP2_ENHANCE_YOUR_CALM);
  }
  hand_over_requests();
  end_if_drained();
  end_if_given_up();
  if (ending_ || nghttp2_session_want_write(h2_)) kick();
  return !finished_;
}

// nghttp2 reads no more once it has said GOAWAY to a peer that broke the rules.
void H2Session::end_if_given_up() {
  if (muted_ || ending_ || nghttp2_session_want_read(h2_)) return;
  if (!draining_ && !result_) result_ = make_error_code(Errc::protocol);
  ending_ = true;
}

void H2Session::hand_over_requests() {
  while (!requests_.empty() && !finished_) {
    auto batch = std::exchange(requests_, {});
    for (auto& [request, stream] : batch) {
      if (muted_ || !observer_) break;
      observer_->on_request(std::move(request), std::move(stream));
    }
  }
}

asio::awaitable<void> H2Session::write_loop() {
  if (!options_.server && !first_data_) {
    // The first write of a new session carries the first bytes of its first stream as well.
    coalesce_.expires_after(options_.coalesce);
    co_await wait_on(coalesce_);
  }
  flushed_ = true;
  for (;;) {
    if (finished_) co_return;
    const bool silent = held_ || muted_;
    if (silent || !nghttp2_session_want_write(h2_)) {
      if (ending_ && !silent) co_return co_await say_farewell();
      co_await write_wanted_.wait(executor_);
      continue;
    }
    Batch batch;
    batch_ = &batch;
    const std::uint8_t* frame = nullptr;
    ssize_t n = 0;
    while (!batch.full() && (n = nghttp2_session_mem_send(h2_, &frame)) > 0) {
      batch.append({frame, static_cast<std::size_t>(n)});
      batch.wants_answer |= wants_answer(frame, static_cast<std::size_t>(n));
      introduced_ |= n > 9 && frame[3] == NGHTTP2_HEADERS;
    }
    batch_ = nullptr;
    if (n < 0) co_return finish(make_error_code(Errc::protocol));
    end_if_drained();
    end_if_given_up();
    if (batch.size == 0) {
      if (ending_) co_return co_await say_farewell();
      co_await write_wanted_.wait(executor_);
      continue;
    }
    answer_wanted_ |= batch.wants_answer;
    if (unanswered_since_ == Clock::time_point{}) unanswered_since_ = Clock::now();
    writing_ = true;
    const auto written = co_await transport_->write_all(asio::buffer(batch.memory.get(), batch.size));
    writing_ = false;
    if (!answer_wanted_) unanswered_since_ = {};
    if (!written) co_return finish(written.error());
    if (batch.full()) co_await asio::post(executor_, asio::use_awaitable);
  }
}

// Ends of streams and bare answers of 200 come in numbers, and nobody waits for one: together they cost one
// record and one packet.
void H2Session::nudge() noexcept {
  if (!company_.is_set()) company_.set(kCompany, [this] { kick(); });
}

// A connection that is closed while the peer's bytes are unread is reset, and the reset overtakes what we
// said last: end our direction and hear the peer out.
asio::awaitable<void> H2Session::say_farewell() {
  if (result_) co_return finish(result_);
  leaving_ = Clock::now();
  watch_.cancel();
  (void)co_await transport_->shutdown_write();
}

void H2Session::finish(error_code why) noexcept {
  if (finished_) return;
  finished_ = true;
  result_ = why;
  // To a client a lost session says nothing about the site: only RST_STREAM is the site's own reset.
  const error_code of_streams = why == Errc::timed_out ? make_error_code(Errc::timed_out)
                                : !options_.server     ? make_error_code(Errc::no_route)
                                                       : error_code(asio::error::connection_reset);
  for (auto& stream : streams_) stream.fail(of_streams);
  transport_->close(why.failed());
  watch_.cancel();
  company_.cancel();
  coalesce_.cancel();
  write_wanted_.notify();
  pong_.notify();
  finished_signal_.notify();
}

std::unique_ptr<H2Stream> H2Session::request(std::span<const nghttp2_nv> fields, bool with_body) {
  std::unique_ptr<H2Stream> stream(new H2Stream(*this, 0, executor_, options_.stream_window));
  streams_.push_back(*stream);
  std::array<nghttp2_nv, 16> all;
  auto count = static_cast<std::size_t>(std::copy(fields.begin(), fields.end(), all.begin()) - all.begin());
  if (!introduced_ && !options_.proof.empty())
    all[count++] = secret_field("proxy-authorization", options_.proof);
  const auto provider = h2_data_provider();
  stream->local_ended_ = !with_body;
  const auto id = finished_ ? NGHTTP2_ERR_INVALID_STATE
                            : nghttp2_submit_request(h2_, nullptr, all.data(), count,
                                                     with_body ? &provider : nullptr, stream.get());
  if (id < 0) {
    stream->in_nghttp2_ = false;
    stream->fail(make_error_code(Errc::no_route));
    return stream;
  }
  stream->id_ = id;
  if (++active_ == 1) watch_.cancel();
  kick();
  return stream;
}

std::unique_ptr<H2Stream> H2Session::connect(const std::string& authority) {
  const nghttp2_nv fields[] = {field(":method", "CONNECT"), secret_field(":authority", authority)};
  return request(fields, true);
}

std::unique_ptr<H2Stream> H2Session::connect_as(std::string_view protocol, std::string_view authority,
                                                std::string_view path, std::span<const H2Field> fields) {
  std::vector<nghttp2_nv> all{field(":method", "CONNECT"), field(":protocol", protocol),
                              field(":scheme", "https"), field(":authority", authority),
                              field(":path", path)};
  for (const auto& [name, value] : fields) all.push_back(field(name, value));
  return request(all, true);
}

bool H2Session::takes_extended_connect() const noexcept {
  return nghttp2_session_get_remote_settings(h2_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

std::unique_ptr<H2Stream> H2Session::get(const std::string& authority, std::string_view path) {
  const nghttp2_nv fields[] = {field(":method", "GET"), field(":scheme", "https"),
                               secret_field(":authority", authority), field(":path", path)};
  auto stream = request(fields, false);
  if (!flushed_) {  // nothing will follow that could travel with it
    first_data_ = true;
    coalesce_.cancel();
  }
  return stream;
}

std::unique_ptr<H2Stream> H2Session::ask(const H2Head& head, bool with_body) {
  std::vector<nghttp2_nv> fields{field(":method", head.method), field(":scheme", "https"),
                                 field(":authority", head.authority), secret_field(":path", head.path)};
  for (const auto& [name, value] : head.fields) fields.push_back(field(name, value));
  return request(fields, with_body);
}

void H2Session::introduce() {
  if (introduced_ || finished_) return;
  const nghttp2_nv fields[] = {secret_field(":method", "OPTIONS"), secret_field(":scheme", "https"),
                               secret_field(":authority", "bridge"), secret_field(":path", "*"),
                               secret_field("proxy-authorization", options_.proof)};
  if (nghttp2_submit_request(h2_, nullptr, fields, std::size(fields), nullptr, nullptr) < 0) return;
  ++active_;
  first_data_ = true;
  coalesce_.cancel();
  kick();
}

void H2Session::accept(H2Stream& stream, std::string_view content_type) {
  if (finished_) return;
  const nghttp2_nv fields[] = {field(":status", "200"), field("content-type", content_type)};
  const auto provider = h2_data_provider();
  nghttp2_submit_response(h2_, stream.id_, fields, content_type.empty() ? 1 : 2, &provider);
  nudge();
}

void H2Session::refuse(H2Stream& stream, int status, std::string_view proxy_status) {
  if (finished_) return;
  const std::string code = std::to_string(status);
  const nghttp2_nv fields[] = {field(":status", code), field("proxy-status", proxy_status)};
  nghttp2_submit_response(h2_, stream.id_, fields, proxy_status.empty() ? 1 : 2, nullptr);
  kick();
}

void H2Session::respond(H2Stream& stream, int status, std::span<const H2Field> fields, bool with_body) {
  if (finished_) return;
  const std::string code = std::to_string(status);
  std::vector<nghttp2_nv> all{field(":status", code)};
  for (const auto& [name, value] : fields) all.push_back(field(name, value));
  const auto provider = h2_data_provider();
  nghttp2_submit_response(h2_, stream.id_, all.data(), all.size(), with_body ? &provider : nullptr);
  kick();
}

bool H2Session::usable() const noexcept {
  if (finished_ || draining_ || ending_) return false;
  const auto limit = nghttp2_session_get_remote_settings(h2_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  // Where so much waits to be read the peer may send nothing more; another session is not held up by it.
  if (unread_ >= options_.max_unread) return false;
  return active_ < limit && nghttp2_session_check_request_allowed(h2_);
}

void H2Session::release() {
  held_ = false;
  kick();
}

void H2Session::mute() {
  muted_ = true;
  requests_.clear();
  idle_since_ = Clock::now();
  active_ = 0;
}

}  // namespace surang::tunnel
