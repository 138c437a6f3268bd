// What leaves a connection, and when.
#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <cstring>
#include <utility>

#include "transports/core/buffer.hpp"
#include "transports/core/varint.hpp"
#include "transports/quic/connection.hpp"
#include "transports/quic/ngtcp2_time.hpp"

namespace surang::quic {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostPieces = 8;                     // of a stream, for one packet
constexpr std::size_t kMostSegments = 44;                  // in one call: UDP_SEGMENT takes 64 KiB
constexpr std::size_t kMostWaitingDatagrams = 256 * 1024;  // bytes
constexpr auto kLinger = 60s;
constexpr std::size_t kLeastPacket = 64;  // no use in less
constexpr std::size_t kRoom = kHead + kMostPacket + kMostPad;

// A short header, its tag, the frame's type and length (RFC 9221 4).
constexpr std::size_t kAroundDatagram = 1 + 20 + 4 + 16 + 3;

}  // namespace

// Packets on their way to the owner, as many in one call as the system takes: all of one length but for the
// last.
struct Connection::Batch {
  explicit Batch(Connection& c) : connection(c) {}
  ~Batch() { send(); }

  // Where the next packet goes, with room for its head and pad.
  std::uint8_t* next() {
    if (used + kRoom > ScratchBuffer::kSize || count == kMostSegments) send();
    return block.data() + used;
  }

  // What was written behind next()'s head.
  void add(const Path& along, std::size_t packet) {
    auto* const at = block.data() + used;
    const auto size = connection.scrambler_.scramble(
        at, packet, std::min(kRoom, std::max(connection.may_send(), kHead + packet)));
    connection.bytes_out_ += size;
    const bool fits = count == 0 || (size <= segment && last_full && along == path);
    if (!fits) {
      const auto kept = used;
      send();
      std::memmove(block.data(), block.data() + kept, size);
    }
    if (count == 0) {
      segment = size;
      path = along;
    }
    last_full = size == segment;
    used += size;
    ++count;
  }

  void send() {
    if (count > 0 && !connection.owner_.send(path, {block.data(), used}, segment)) connection.blocked_ = true;
    used = count = segment = 0;
  }

  Connection& connection;
  ScratchBuffer block;
  Path path;
  std::size_t used = 0, count = 0, segment = 0;
  bool last_full = true;
};

bool Connection::send_datagram(StreamState& stream, std::span<const std::uint8_t> bytes) {
  if (ended_ || stream.id < 0 || !proven_) return false;
  std::vector<std::uint8_t> datagram;
  datagram.reserve(8 + bytes.size());
  append_varint(datagram, static_cast<std::uint64_t>(stream.id) / 4);
  datagram.insert(datagram.end(), bytes.begin(), bytes.end());
  if (datagram.size() + kAroundDatagram > ngtcp2_conn_get_path_max_tx_udp_payload_size(quic_)) return false;
  if (datagram_bytes_ + datagram.size() > kMostWaitingDatagrams) return true;  // lost, as on any full line
  count(meters_.sent, uncounted_out_, bytes.size());
  datagram_bytes_ += datagram.size();
  datagrams_.push_back(std::move(datagram));
  kick();
  return true;
}

// What nobody reads any more is not to be sent; the peer is told once it has all of ours.
void Connection::part_with_lingering() {
  const auto now = Clock::now();
  std::erase_if(lingering_, [&](const Lingering& entry) {
    auto& s = *entry.stream;
    if (!s.connection || s.remote_ended) return true;
    if (s.id < 0) return false;
    if (s.error || now - entry.since > kLinger) {
      compat::cut_stream(quic_, s.id, kNotWanted);
      return true;
    }
    if (!s.end_sent || !s.out.empty()) return false;
    compat::stop_reading(quic_, s.id, kNotWanted);
    return true;
  });
}

std::optional<ngtcp2_ssize> Connection::build_datagram(ngtcp2_path_storage& path,
                                                       std::span<std::uint8_t> into, ngtcp2_tstamp now) {
  while (!datagrams_.empty()) {
    auto& first = datagrams_.front();
    const auto gone = [&] {
      datagram_bytes_ -= first.size();
      datagrams_.pop_front();
    };
    if (first.size() + kAroundDatagram > ngtcp2_conn_get_path_max_tx_udp_payload_size(quic_)) {
      gone();  // the path is narrower than it was
      continue;
    }
    const ngtcp2_vec data{first.data(), first.size()};
    ngtcp2_pkt_info info{};
    int accepted = 0;
    const auto n = ngtcp2_conn_writev_datagram(quic_, &path.path, &info, into.data(), into.size(), &accepted,
                                               NGTCP2_WRITE_DATAGRAM_FLAG_MORE, 0, &data, 1, now);
    if (accepted || n == NGTCP2_ERR_INVALID_ARGUMENT || n == NGTCP2_ERR_INVALID_STATE) gone();
    if (n == 0 && !accepted) return std::nullopt;  // not now; streams may be let
    if (n != NGTCP2_ERR_WRITE_MORE && n != NGTCP2_ERR_INVALID_ARGUMENT && n != NGTCP2_ERR_INVALID_STATE)
      return n;
  }
  return std::nullopt;
}

void Connection::said(StreamState& s, std::size_t n, bool end) {
  s.out.sent(n);
  const auto around = std::min(s.overhead, n);
  s.overhead -= around;
  count(meters_.sent, uncounted_out_, n - around);
  s.end_sent = s.end_sent || end;
  s.writable_signal.notify();
  if (!s.has_to_send() && s.is_linked()) s.unlink();
}

// One packet, of whatever is to be said; its length, 0: nothing now, or an error.
ngtcp2_ssize Connection::build(ngtcp2_path_storage& path, std::span<std::uint8_t> into, ngtcp2_tstamp now) {
  if (const auto n = build_datagram(path, into, now)) return *n;
  for (;;) {
    auto* const s =
        sendable_.empty() || ngtcp2_conn_get_max_data_left(quic_) == 0 ? nullptr : &sendable_.front();
    std::array<std::span<const std::uint8_t>, kMostPieces> pieces;
    std::array<ngtcp2_vec, kMostPieces> data;
    std::size_t count = 0, offered = 0;
    std::uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_NONE;
    if (s) {
      count = s->out.unsent(pieces);
      for (std::size_t i = 0; i < count && offered < 2 * kMostPacket; ++i) {
        data[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
        offered += pieces[i].size();
      }
      flags = NGTCP2_WRITE_STREAM_FLAG_MORE;
      if (s->ended && offered == s->out.waiting()) flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
    }
    const bool fin = (flags & NGTCP2_WRITE_STREAM_FLAG_FIN) != 0;
    std::size_t used = 0;
    for (std::size_t left = offered; left > 0; ++used) left -= std::min(left, data[used].len);
    ngtcp2_pkt_info info{};
    ngtcp2_ssize taken = -1;
    const auto n = ngtcp2_conn_writev_stream(quic_, &path.path, &info, into.data(), into.size(), &taken,
                                             flags, s ? s->id : -1, data.data(), used, now);
    if (s && taken >= 0) {
      const bool all = static_cast<std::size_t>(taken) == offered;
      said(*s, static_cast<std::size_t>(taken), fin && all);
    }
    if (n >= 0) {
      // Another's turn in the next packet.
      if (s && s->is_linked()) {
        s->unlink();
        sendable_.push_back(*s);
      }
      return n;
    }
    if (n == NGTCP2_ERR_WRITE_MORE) continue;
    if (n != NGTCP2_ERR_STREAM_DATA_BLOCKED && n != NGTCP2_ERR_STREAM_SHUT_WR &&
        n != NGTCP2_ERR_STREAM_NOT_FOUND)
      return n;
    if (s && s->is_linked()) s->unlink();
    // The peer reads no more (STOP_SENDING).
    if (s && n == NGTCP2_ERR_STREAM_SHUT_WR) s->fail(asio::error::connection_reset);
  }
}

// Whatever belongs to no stream. ngtcp2 takes what is sent from then on for less than might be, and concludes
// nothing from a rate that does not grow.
ngtcp2_ssize Connection::build_control(ngtcp2_path_storage& path, std::span<std::uint8_t> into,
                                       ngtcp2_tstamp now) {
  ngtcp2_pkt_info info{};
  return ngtcp2_conn_writev_stream(quic_, &path.path, &info, into.data(), into.size(), nullptr,
                                   NGTCP2_WRITE_STREAM_FLAG_NONE, -1, nullptr, 0, now);
}

// An address that has not shown that it receives is sent no more bytes than came from it, so that nobody
// gains by making a bridge answer somebody else; three times as many (RFC 9000 8.1) where it has resumed, and
// so was heard before. ngtcp2 takes the admission for such a proof.
std::size_t Connection::may_send() const noexcept {
  if (!server_ || proven_) return SIZE_MAX;
  const bool resumed = (gnutls_session_get_flags(tls_.get()) & GNUTLS_SFLAGS_EARLY_DATA) != 0;
  const auto most = (resumed ? 3 : 1) * bytes_in_;
  return static_cast<std::size_t>(most - std::min(most, bytes_out_));
}

void Connection::resume() {
  blocked_ = false;
  flush();
}

void Connection::flush() {
  if (ended_ || blocked_) return;
  if (compat::figures(quic_).bytes_in_flight == 0) owed_ = Clock::now();
  open_waiting();
  part_with_lingering();
  const bool keep_alive = used_ > 0;
  if (std::exchange(keeping_alive_, keep_alive) != keep_alive && !server_)
    ngtcp2_conn_set_keep_alive_timeout(quic_,
                                       keep_alive ? to_ngtcp2(options_.keep_alive) : compat::kNoKeepAlive);
  const auto now = now_in_ngtcp2();
  const auto quantum = std::max(ngtcp2_conn_get_send_quantum(quic_), kMostPacket);
  int failure = 0;
  std::size_t sent = 0;
  bool control_first = compat::startup_goes_on(quic_, now, startup_);
  {
    Batch batch(*this);
    while (sent < quantum && !blocked_) {
      const auto may = may_send();
      if (may < kHead + kLeastPacket) break;
      const auto room = std::min(kMostPacket, may - kHead);
      auto* const at = batch.next();
      ngtcp2_path_storage path;
      ngtcp2_path_storage_zero(&path);
      const std::span into(at + kHead, room);
      const bool only_control = std::exchange(control_first, false);
      const auto n = only_control ? build_control(path, into, now) : build(path, into, now);
      if (n == 0 && only_control) continue;
      if (n < 0) failure = static_cast<int>(n);
      if (n <= 0) break;
      batch.add(Path::of(path.path), static_cast<std::size_t>(n));
      sent += static_cast<std::size_t>(n);
    }
  }
  if (failure != 0) return fail(failure);
  compat::note_sent(quic_, sent, sent >= quantum, now, pace_, startup_);
  set_clock();
  if (used_ == 0) owner_.on_quiet();
}

void Connection::set_clock() {
  const auto due = ngtcp2_conn_get_expiry(quic_);
  if (due == UINT64_MAX) return clock_.cancel();
  const auto when = from_ngtcp2(due);
  if (clock_.is_set() && when == rings_at_) return;
  rings_at_ = when;
  clock_.set(when, [this] { ring(); });
}

void Connection::ring() {
  const auto stat = compat::figures(quic_);
  const auto now = Clock::now();
  if (stat.bytes_in_flight == 0 || owed_ < heard_) owed_ = now;
  if (proven_ && now - std::max(owed_, heard_) > options_.dead_peer_limit)
    return end(make_error_code(Errc::timed_out));
  if (const int outcome = ngtcp2_conn_handle_expiry(quic_, now_in_ngtcp2()); outcome != 0)
    return fail(outcome);
  flush();
}

void Connection::say_close(int failure, std::uint64_t application_error) {
  Batch batch(*this);
  auto* const at = batch.next();
  ngtcp2_path_storage path;
  ngtcp2_path_storage_zero(&path);
  const auto n = compat::write_close(quic_, &path.path, {at + kHead, kMostPacket}, failure, application_error,
                                     now_in_ngtcp2());
  if (n > 0 && may_send() > static_cast<std::size_t>(n))
    batch.add(Path::of(path.path), static_cast<std::size_t>(n));
}

}  // namespace surang::quic
