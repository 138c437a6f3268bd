// One HTTP/2 session (RFC 9113) over one transport Stream, client or server, on nghttp2 without its I/O.
// Presents each CONNECT as a Stream. One reader and one writer coroutine own the transport; a watchdog keeps
// the time limits. Used by h2_dialer, tunnel_acceptor and fronted (PROTOCOL.md, tunnel).
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "transports/core/alarm.hpp"
#include "transports/core/stream.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/tunnel/flood_guard.hpp"
#include "transports/tunnel/h2_stream.hpp"

namespace surang::tunnel {

/// The fields of a request that an acceptor looks at.
struct H2Request {
  std::string method, scheme, authority, path, protocol, proxy_authorization;
  std::string forwarded_for;  ///< the values of X-Forwarded-For, one list
};

using H2Field = std::pair<std::string_view, std::string_view>;

/// A request that is neither CONNECT nor of the tunnel's own.
struct H2Head {
  std::string_view method, authority, path;
  std::span<const H2Field> fields;  ///< besides
};

struct H2Options {
  bool server = false;
  bool plain_answers = false;  ///< client: every status is an answer, to be looked at with H2Stream::answer
  std::uint32_t stream_window = 1 << 20, max_stream_window = 16 << 20;
  std::uint32_t session_window = 4 << 20, max_session_window = 64 << 20;
  std::uint32_t max_frame = 64 * 1024;
  std::size_t max_unread = 64 << 20;  ///< of all streams together, before the session's window is held back
  std::uint32_t padded_frames = 8;    ///< sent with random padding (RFC 9113 6.1)
  std::uint32_t max_streams = 1024;   ///< server: announced; client: taken for granted until told
  std::uint32_t max_header_bytes = 16 * 1024;
  FloodGuard::Limits floods;
  std::chrono::steady_clock::duration dead_peer_limit = std::chrono::seconds(10);
  std::chrono::steady_clock::duration idle_limit = std::chrono::seconds(300);  ///< without streams
  std::chrono::steady_clock::duration keep_alive = std::chrono::seconds(25);  ///< PING while streams are open
  std::chrono::steady_clock::duration first_sign_limit =
      std::chrono::hours(24);                                                   ///< until a byte of the peer
  std::chrono::steady_clock::duration coalesce = std::chrono::milliseconds(1);  ///< client: first flush waits
  std::chrono::steady_clock::duration linger = std::chrono::seconds(60);  ///< of closed, half-open streams
  std::string proof;              ///< client: proxy-authorization of the first request
  bool hold_output = false;       ///< server: nothing leaves before release()
  bool extended_connect = false;  ///< server: CONNECT may name a protocol (RFC 8441)
  /// Payload bytes are added to these as they pass; null where unused.
  std::array<std::atomic<std::uint64_t>*, 2> received{}, sent{};
  std::atomic<std::uint64_t>* streams_refused = nullptr;
  std::atomic<std::uint64_t>* headers_refused = nullptr;
  std::array<std::atomic<std::uint64_t>, FloodGuard::kKinds>* floods_cut = nullptr;
};

/// What a session tells its owner, from its own executor; never while nghttp2 runs.
class H2Observer {
 public:
  virtual ~H2Observer() = default;
  /// Server: a complete request. The stream is unanswered; dropping it resets it.
  virtual void on_request(H2Request request, std::unique_ptr<H2Stream> stream) = 0;
  /// Server: called about once a second.
  virtual void on_tick() {}
};

class H2Session {
 public:
  /// `observer` may be null for a client.
  H2Session(StreamPtr transport, const H2Options& options, H2Observer* observer);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  /// Works until the session ended; no error when it was drained, idle, or ended by the peer with nothing
  /// open. Streams that are left fail. A cancellation passes through after everything has stopped.
  asio::awaitable<error_code> run();

  /// Client: opens a CONNECT to `authority`.
  std::unique_ptr<H2Stream> connect(const std::string& authority);
  /// Client: opens a CONNECT of a protocol (RFC 8441), where takes_extended_connect().
  std::unique_ptr<H2Stream> connect_as(std::string_view protocol, std::string_view authority,
                                       std::string_view path, std::span<const H2Field> fields);
  /// Client: the peer has said that it does; nothing is known before it was heard.
  bool takes_extended_connect() const noexcept;
  /// Client: a GET of `path`, of which only the answer's body is read.
  std::unique_ptr<H2Stream> get(const std::string& authority, std::string_view path);
  /// Client: any request. Its body is what is written, the answer's what is read.
  std::unique_ptr<H2Stream> ask(const H2Head& head, bool with_body);
  /// Client: a request without effect that carries the proof, unless one is under way already.
  void introduce();
  /// Round trip of a PING; an error when the session ends first.
  asio::awaitable<Result<std::chrono::microseconds>> ping();

  void drain();  ///< GOAWAY; run() ends with the last stream
  void abandon() noexcept { finish(make_error_code(Errc::timed_out)); }  ///< the peer is known to be gone
  void release();                                                        ///< server: output may flow
  void mute();  ///< server: never say anything; read and discard until the idle limit

  bool usable() const noexcept;  ///< client: takes another stream
  bool has(const H2Stream& stream) const noexcept { return stream.session_ == this; }
  bool heard() const noexcept { return heard_; }
  std::size_t streams() const noexcept { return active_; }
  std::chrono::microseconds rtt() const noexcept { return rtt_; }
  std::chrono::steady_clock::time_point last_heard() const noexcept { return last_heard_; }
  int carrier_socket() const noexcept { return transport_->carrier_socket(); }
  std::uint32_t stream_window_of(const Stream& stream) const noexcept;  ///< for tests

 private:
  friend class H2Stream;
  friend struct H2Callbacks;
  using Clock = std::chrono::steady_clock;
  struct Header {
    std::int32_t stream = 0;
    int status = 0;
    std::size_t bytes = 0;
    std::string proxy_status;
    bool octets = false;  // client: the answer's type
    H2Request request;
  };
  struct Lingering {
    std::int32_t stream;
    Clock::time_point until;
  };
  struct Batch;

  void open_nghttp2();
  std::unique_ptr<H2Stream> request(std::span<const nghttp2_nv> fields, bool with_body);
  asio::awaitable<void> read_loop();
  asio::awaitable<void> write_loop();
  asio::awaitable<void> watch_loop();
  asio::awaitable<void> say_farewell();
  bool take_input(std::span<const std::uint8_t> bytes);  // false: finished
  void hand_over_requests();
  void finish(error_code why) noexcept;
  void kick() noexcept { write_wanted_.notify(); }
  void nudge() noexcept;  // a kick for what may wait a moment for company
  void end_if_drained();
  void end_if_given_up();
  bool leaving() const noexcept { return leaving_ != Clock::time_point{}; }
  void note_progress(Clock::time_point now);
  Clock::duration tick() const noexcept;
  void check_limits(Clock::time_point now);

  // For H2Stream.
  void resume(H2Stream& stream, bool urgent = true) noexcept;
  void consumed(H2Stream& stream, std::size_t n) noexcept;
  void give_back(H2Stream& stream) noexcept;
  void give_back_session() noexcept;
  void reset(H2Stream& stream) noexcept;
  void detach(H2Stream& stream, bool abort) noexcept;
  void accept(H2Stream& stream, std::string_view content_type);
  void refuse(H2Stream& stream, int status, std::string_view proxy_status);
  void respond(H2Stream& stream, int status, std::span<const H2Field> fields, bool with_body);

  // For the callbacks.
  void received(H2Stream* stream, std::int32_t id, std::span<const std::uint8_t> bytes);
  void received_frame(const nghttp2_frame& frame);
  void received_header(std::string_view name, std::string_view value, bool server_request);
  void stream_closed(std::int32_t id, std::uint32_t code, H2Stream* stream);
  void flood(FloodGuard::Kind kind);
  void count_flood(FloodGuard::Kind kind);
  void grow(H2Stream& stream) noexcept;
  void begin_round(std::size_t n);
  bool send_ping();

  StreamPtr transport_;
  H2Options options_;
  H2Observer* observer_;
  asio::any_io_executor executor_;
  nghttp2_session* h2_ = nullptr;
  TaskGroup tasks_;
  boost::intrusive::list<H2Stream> streams_;
  std::vector<std::pair<H2Request, std::unique_ptr<H2Stream>>> requests_;  // complete, not yet handed over
  std::deque<Lingering> lingering_;
  Header header_;
  FloodGuard guard_;
  Batch* batch_ = nullptr;  // while the writer fills one
  Wakeup write_wanted_, finished_signal_, pong_;
  Alarm company_;
  asio::steady_timer coalesce_, watch_;
  std::size_t active_ = 0;  // streams that nghttp2 knows
  std::size_t unread_ = 0, unconsumed_ = 0;
  std::int32_t last_reset_ = 0;
  std::uint32_t session_window_;
  std::uint32_t pads_left_, pad_low_ = 0, pad_high_ = 0;

  Clock::time_point started_, last_heard_, idle_since_;
  Clock::time_point unanswered_since_{};  // the peer owes a sign: an answer, or room for a write; zero: no
  Clock::time_point ping_sent_{};         // zero: none outstanding
  Clock::time_point leaving_{};           // when all was said; what still comes is not for us; zero: not yet
  std::uint64_t ping_number_ = 0;
  std::uint64_t acknowledged_ = 0;  // bytes by the carrier's kernel, at the last look
  std::uint32_t round_ = 0;
  std::size_t round_received_ = 0;
  double ping_tokens_ = 20;
  Clock::time_point tokens_at_;
  std::chrono::microseconds rtt_{};

  error_code result_;
  bool finished_ = false, draining_ = false, goaway_due_ = false, ending_ = false, muted_ = false;
  bool held_, heard_ = false, flushed_ = false, first_data_ = false, flooded_ = false;
  bool answer_wanted_ = false;  // something that was sent since the peer was heard has an answer
  bool writing_ = false;        // the transport holds what the writer gave it
  bool goaway_said_ = false;    // server: the one with the real id
  bool introduced_ = false;     // client: a request has left, and with it the proof
};

}  // namespace surang::tunnel
