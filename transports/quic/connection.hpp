// One QUIC connection (RFC 9000) by ngtcp2, either end: packets in, packets out, streams and datagrams
// between. Knows no socket; whoever has one gives it what comes (session, listener) and sends what it makes.
// All on one executor.
#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "transports/core/alarm.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/quic/admission.hpp"
#include "transports/quic/ngtcp2_compat.hpp"
#include "transports/quic/path.hpp"
#include "transports/quic/scramble.hpp"
#include "transports/quic/stream.hpp"
#include "transports/quic/tls_session.hpp"

namespace surang::quic {

/// Of our own connection ids; what the bridge finds a connection by.
inline constexpr std::size_t kIdSize = 8;
inline constexpr std::size_t kFirstIdSize = 18;  ///< of the one that a client's first packets go to
/// A QUIC packet has at most so many bytes; with its head it fits what Ethernet carries over IPv6.
inline constexpr std::size_t kMostPacket = 1452 - kHead;
inline constexpr std::uint64_t kNotWanted = 1;  ///< application error of what is reset

/// What the next connection to the same bridge may begin with.
struct Resumption {
  Ticket ticket;
  compat::EarlyParameters parameters;
};

struct ConnectionOptions {
  std::chrono::steady_clock::duration idle_limit = std::chrono::seconds(300);
  std::chrono::steady_clock::duration handshake_limit = std::chrono::seconds(10);
  std::chrono::steady_clock::duration dead_peer_limit =
      std::chrono::seconds(10);  ///< something sent, nothing heard
  std::chrono::steady_clock::duration keep_alive = std::chrono::seconds(25);  ///< while streams are open
  std::uint32_t max_streams = 1024;                                           ///< that the peer may have open
  /// A stream's is given back when its reader takes bytes. Loss holds the bytes behind it up for a round trip
  /// and more: less would be in the way of a fast and long line.
  std::uint64_t stream_window = 24 << 20;
  std::uint64_t window = 32 << 20, max_window = 64 << 20;  ///< the connection's, given back when bytes arrive
  std::uint64_t max_unread = 64 << 20;                     ///< of all streams, before that is held back
};

/// Payload bytes are added to these as they pass; null where unused.
struct Meters {
  using Counters = std::array<std::atomic<std::uint64_t>*, 2>;
  Counters received{}, sent{};
};

/// What a connection asks of whoever has its socket, never while ngtcp2 runs but for `own_id` and `drop_id`.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  /// Takes datagrams of `segment` bytes, the last of at most so many. False: no more before
  /// Connection::resume().
  virtual bool send(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment) = 0;
  virtual void own_id([[maybe_unused]] const ngtcp2_cid& id) {}
  virtual void drop_id([[maybe_unused]] const ngtcp2_cid& id) {}
  /// The peer has proven who it is.
  virtual void on_handshake() {}
  /// Bridge: a request is whole.
  virtual void on_request([[maybe_unused]] Request request,
                          [[maybe_unused]] std::unique_ptr<QuicStream> stream) {}
  /// Client: the next connection may resume this one.
  virtual void on_resumption([[maybe_unused]] Resumption resumption) {}
  /// No stream is used now.
  virtual void on_quiet() {}
  /// It has ended; nothing comes of it any more. The connection may be destroyed, later.
  virtual void on_end() = 0;
};

class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  /// A client's, which says nothing before flush(). `user` is copied; all else must outlive it. An empty
  /// resumption is none. Throws std::runtime_error only when a library itself fails.
  Connection(asio::any_io_executor executor, ConnectionOwner& owner, Scrambler& scrambler,
             const TlsClient& tls, const UserKey& user, const Path& path, const ConnectionOptions& options,
             const Resumption& resumption);
  /// The bridge's, for a first packet whose admission holds.
  Connection(asio::any_io_executor executor, ConnectionOwner& owner, Scrambler& scrambler,
             const TlsServer& tls, const UserKey& user, const Path& path, const ConnectionOptions& options,
             const ngtcp2_pkt_hd& first);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// A packet that came, unscrambled. After some of them: flush().
  void receive(const Path& path, std::span<const std::uint8_t> packet);
  /// Sends what may be sent now, and sets its clock.
  void flush();
  void resume();  ///< the owner sends again

  /// Client: a stream that begins with `request`, which leaves as soon as the bridge lets it.
  std::unique_ptr<QuicStream> open(const Request& request);
  /// Client: goes on by another path.
  bool migrate(const Path& path);

  /// Says farewell and ends. `application_error` 0: all is done.
  void close(std::uint64_t application_error = 0);
  /// Ends without a word: the peer is known to be gone.
  void abandon(error_code why);

  /// From now on; what has passed before any was given counts as well.
  void meter(const Meters& meters) noexcept;

  bool ended() const noexcept { return ended_; }
  /// Why it ended; none where that was meant.
  error_code error() const noexcept { return error_; }
  bool proven() const noexcept { return proven_; }
  bool early() const noexcept { return early_; }          ///< client: speaks in the first flight
  std::size_t streams() const noexcept { return used_; }  ///< that somebody uses, control aside
  Clock::time_point last_heard() const noexcept { return heard_; }
  std::chrono::microseconds rtt() const;
  const UserKey& user() const noexcept { return user_; }
  const Path& path() const noexcept { return path_; }
  /// Client: where its first packets went.
  const ngtcp2_cid& first_id() const noexcept { return first_id_; }

  // For QuicStream.
  void want_to_send(const StreamStatePtr& stream) noexcept;
  void consumed(StreamState& stream, std::size_t n) noexcept;
  void release(const StreamStatePtr& stream, bool abort) noexcept;
  bool send_datagram(StreamState& stream, std::span<const std::uint8_t> bytes);

 private:
  friend struct Callbacks;
  struct Batch;
  struct Whole {
    std::unique_ptr<QuicStream> stream;
    Request request;
  };
  struct Lingering {
    StreamStatePtr stream;
    Clock::time_point since;
  };

  void begin(ngtcp2_cid destination, const ngtcp2_pkt_hd* first, const compat::EarlyParameters* early);
  void kick();
  void open_waiting();
  void hand_over();
  void part_with_lingering();
  StreamStatePtr add(std::int64_t id);
  void forget(std::int64_t id);
  void take(StreamState& stream, std::span<const std::uint8_t>& bytes);
  void turn_down(StreamState& stream);
  void arrived(std::size_t n);
  void left(std::size_t n);
  ngtcp2_ssize build(ngtcp2_path_storage& path, std::span<std::uint8_t> into, ngtcp2_tstamp now);
  std::optional<ngtcp2_ssize> build_datagram(ngtcp2_path_storage& path, std::span<std::uint8_t> into,
                                             ngtcp2_tstamp now);
  ngtcp2_ssize build_control(ngtcp2_path_storage& path, std::span<std::uint8_t> into, ngtcp2_tstamp now);
  void said(StreamState& stream, std::size_t n, bool end);
  void say_close(int failure, std::uint64_t application_error);
  void set_clock();
  void ring();
  void end(error_code why);
  void fail(int code);
  std::size_t may_send() const noexcept;  // bytes of datagrams
  static void count(const Meters::Counters& where, std::uint64_t& uncounted, std::uint64_t bytes) noexcept;

  const asio::any_io_executor executor_;
  ConnectionOwner& owner_;
  Scrambler& scrambler_;
  const ConnectionOptions options_;
  const UserKey user_;
  TlsOwner tls_owner_;
  TlsSession tls_;
  ngtcp2_conn* quic_ = nullptr;
  const bool server_;
  Path path_;
  ngtcp2_cid first_id_{};

  std::unordered_map<std::int64_t, StreamStatePtr> streams_;
  boost::intrusive::list<StreamState, boost::intrusive::constant_time_size<false>> sendable_;
  std::deque<StreamStatePtr> unopened_;
  std::vector<Whole> requests_;       // bridge: not handed over yet
  std::vector<Lingering> lingering_;  // used by nobody, and not ended by the peer
  std::deque<std::vector<std::uint8_t>> datagrams_;
  std::size_t datagram_bytes_ = 0;
  std::uint64_t unread_ = 0;    // bytes that streams hold for their readers
  std::uint64_t withheld_ = 0;  // bytes of the connection's window that have arrived and were not given back
  std::size_t unconsumed_ = 0;
  std::size_t used_ = 0;

  Alarm clock_;
  Clock::time_point rings_at_{};
  std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
  Clock::time_point heard_{}, owed_{};  // owed: since when something is sent and nothing heard
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
  Pace pace_;
  Startup startup_;
  Meters meters_;
  std::uint64_t uncounted_in_ = 0, uncounted_out_ = 0;
  error_code error_;
  bool kicked_ = false, blocked_ = false, proven_ = false, told_ = false, early_ = false, ended_ = false,
       resumable_ = false;
  bool keeping_alive_ = false;
};

/// What ngtcp2 calls.
ngtcp2_callbacks callback_table(bool server);

}  // namespace surang::quic
