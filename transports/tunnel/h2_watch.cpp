// What an H2Session does by the clock: windows that follow the bandwidth-delay product, PINGs, a dead peer,
// the idle limit, draining.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <utility>

#include "transports/tcp/tcp_info.hpp"
#include "transports/tunnel/h2_session.hpp"

namespace surang::tunnel {
namespace {

constexpr double kPingBurst = 20, kPingsPerSecond = 2;
constexpr auto kFarewell = std::chrono::seconds(5);  // for the peer to end its direction after ours
constexpr std::size_t kBulk = 128 * 1024;            // a round trip is measured after so many bytes

}  // namespace

bool H2Session::send_ping() {
  ++ping_number_;
  std::array<std::uint8_t, 8> opaque;
  std::copy_n(reinterpret_cast<const std::uint8_t*>(&ping_number_), 8, opaque.data());
  if (nghttp2_submit_ping(h2_, NGHTTP2_FLAG_NONE, opaque.data()) != 0) return false;
  ping_sent_ = Clock::now();
  ++round_;
  round_received_ = 0;
  kick();
  return true;
}

void H2Session::begin_round(std::size_t n) {
  round_received_ += n;
  if (ping_sent_ != Clock::time_point{}) {
    // More than two thirds of the window within one round trip: the window is what limits the peer.
    if (round_received_ / 2 * 3 >= session_window_ && session_window_ < options_.max_session_window) {
      session_window_ = std::min(session_window_ * 2, options_.max_session_window);
      round_received_ = 0;
      nghttp2_session_set_local_window_size(h2_, NGHTTP2_FLAG_NONE, 0,
                                            static_cast<std::int32_t>(session_window_));
    }
    return;
  }
  if (round_received_ < kBulk || held_) return;
  const std::chrono::duration<double> passed = last_heard_ - tokens_at_;
  tokens_at_ = last_heard_;
  ping_tokens_ = std::min(kPingBurst, ping_tokens_ + passed.count() * kPingsPerSecond);
  if (ping_tokens_ < 1) return;
  ping_tokens_ -= 1;
  send_ping();
}

void H2Session::grow(H2Stream& stream) noexcept {
  if (stream.window_ >= options_.max_stream_window || stream.consumed_ / 2 * 3 < stream.window_) return;
  if (unread_ > options_.max_unread / 4) return;  // enough has been let ahead already
  stream.window_ = std::min(stream.window_ * 2, options_.max_stream_window);
  stream.consumed_ = 0;
  nghttp2_session_set_local_window_size(h2_, NGHTTP2_FLAG_NONE, stream.id_,
                                        static_cast<std::int32_t>(stream.window_));
}

std::uint32_t H2Session::stream_window_of(const Stream& stream) const noexcept {
  return static_cast<const H2Stream&>(stream).window_;
}

asio::awaitable<Result<std::chrono::microseconds>> H2Session::ping() {
  if (!finished_ && ping_sent_ == Clock::time_point{}) send_ping();
  const auto number = ping_number_;
  while (!finished_ && number == ping_number_ && ping_sent_ != Clock::time_point{})
    co_await pong_.wait(executor_);
  if (!finished_) co_return rtt_;
  if (result_) co_return result_;
  co_return make_error_code(Errc::closed);
}

void H2Session::drain() {
  if (draining_ || finished_) return;
  draining_ = true;
  if (options_.server && !held_ && !muted_) {
    // First the notice alone, so that requests under way are still served (RFC 9113 6.8); the rest follows
    // with the next tick.
    nghttp2_submit_shutdown_notice(h2_);
    kick();
    return;
  }
  goaway_due_ = true;
  end_if_drained();
}

void H2Session::end_if_drained() {
  if (!draining_ || finished_ || ending_) return;
  if (held_ || muted_) {
    if (active_ == 0) finish({});
    return;
  }
  if (options_.server ? !goaway_due_ : active_ > 0) return;
  if (!std::exchange(goaway_said_, true))
    nghttp2_submit_goaway(h2_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h2_),
                          NGHTTP2_NO_ERROR, nullptr, 0);
  ending_ = active_ == 0;
  kick();
}

// Bytes that the peer's kernel takes are a sign of life, too: on a slow way ours stand in a queue for long.
void H2Session::note_progress(Clock::time_point now) {
  if (unanswered_since_ == Clock::time_point{}) return;
  const auto info = tcp_info(transport_->carrier_socket());
  if (info && std::exchange(acknowledged_, info->bytes_acked) != info->bytes_acked) unanswered_since_ = now;
}

H2Session::Clock::duration H2Session::tick() const noexcept {
  using namespace std::chrono_literals;
  Clock::duration wait = 1s;
  const bool quiet =
      !options_.server && active_ == 0 && heard_ && !leaving() && unanswered_since_ == Clock::time_point{};
  if (quiet && lingering_.empty() && ping_sent_ == Clock::time_point{}) {
    wait = idle_since_ + options_.idle_limit - Clock::now();
    return std::max<Clock::duration>(wait, 1ms);
  }
  wait = std::min({wait, options_.dead_peer_limit / 8, options_.idle_limit / 4, options_.first_sign_limit / 8,
                   options_.keep_alive / 4, options_.linger / 4});
  if (leaving()) wait = std::min(wait, leaving_ + kFarewell - Clock::now());
  if (unanswered_since_ != Clock::time_point{})
    wait = std::min(wait, unanswered_since_ + options_.dead_peer_limit - Clock::now());
  return std::max<Clock::duration>(wait, 1ms);
}

asio::awaitable<void> H2Session::watch_loop() {
  while (!finished_) {
    watch_.expires_after(tick());
    error_code ignored;
    co_await watch_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
    if (!finished_) check_limits(Clock::now());
  }
}

void H2Session::check_limits(Clock::time_point now) {
  if (observer_) observer_->on_tick();
  if (finished_) return;
  if (leaving()) {
    if (now - leaving_ >= kFarewell) finish(result_);
    return;
  }
  note_progress(now);
  if (!heard_ && now - started_ >= options_.first_sign_limit) return finish(make_error_code(Errc::timed_out));
  const bool pinging = ping_sent_ != Clock::time_point{};
  if (unanswered_since_ != Clock::time_point{}) {
    const auto waited = now - unanswered_since_;
    if (waited >= options_.dead_peer_limit) return finish(make_error_code(Errc::timed_out));
    if (waited >= options_.dead_peer_limit / 2 && !pinging && !held_) send_ping();
  } else if (active_ > 0 && now - last_heard_ >= options_.keep_alive && !pinging && !held_ && !muted_) {
    send_ping();
  }
  while (!lingering_.empty() && lingering_.front().until <= now) {
    const auto id = lingering_.front().stream;
    if (nghttp2_session_get_stream_local_close(h2_, id) >= 0)  // still there
      nghttp2_submit_rst_stream(h2_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    lingering_.pop_front();
    kick();
  }
  if (active_ == 0 && now - idle_since_ >= options_.idle_limit) {
    goaway_due_ = true;
    draining_ = true;
  }
  if (draining_) {
    goaway_due_ = true;
    end_if_drained();
  }
}

}  // namespace surang::tunnel
