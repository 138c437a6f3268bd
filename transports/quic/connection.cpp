#include "transports/quic/connection.hpp"

#include <sodium/randombytes.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "transports/quic/ngtcp2_time.hpp"

namespace surang::quic {
namespace {

constexpr std::size_t kGiveBackAt = 64 * 1024;  // bytes read, before the peer is told

ngtcp2_cid draw_id(std::size_t size) {
  ngtcp2_cid id{};
  id.datalen = size;
  randombytes_buf(id.data, size);
  return id;
}

ngtcp2_conn* connection_of(ngtcp2_crypto_conn_ref* ref) {
  return *static_cast<ngtcp2_conn**>(ref->user_data);
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, ConnectionOwner& owner, Scrambler& scrambler,
                       const TlsClient& tls, const UserKey& user, const Path& path,
                       const ConnectionOptions& options, const Resumption& resumption)
    : executor_(executor),
      owner_(owner),
      scrambler_(scrambler),
      options_(options),
      user_(user),
      server_(false),
      path_(path),
      first_id_(draw_id(kFirstIdSize)),
      clock_(std::move(executor)) {
  tls_owner_ = {{connection_of, static_cast<void*>(&quic_)}, &user_};
  tls_ = tls.open(tls_owner_, resumption.ticket, early_);
  begin(first_id_, nullptr, early_ ? &resumption.parameters : nullptr);
}

Connection::Connection(asio::any_io_executor executor, ConnectionOwner& owner, Scrambler& scrambler,
                       const TlsServer& tls, const UserKey& user, const Path& path,
                       const ConnectionOptions& options, const ngtcp2_pkt_hd& first)
    : executor_(executor),
      owner_(owner),
      scrambler_(scrambler),
      options_(options),
      user_(user),
      server_(true),
      path_(path),
      first_id_(first.dcid),
      clock_(std::move(executor)) {
  tls_owner_ = {{connection_of, static_cast<void*>(&quic_)}, &user_};
  tls_ = tls.open(tls_owner_);
  begin(first.scid, &first, nullptr);
}

void Connection::begin(ngtcp2_cid destination, const ngtcp2_pkt_hd* first,
                       const compat::EarlyParameters* early) {
  ngtcp2_settings settings;
  ngtcp2_settings_default(&settings);
  settings.cc_algo = compat::kCongestionControl;
  settings.initial_ts = now_in_ngtcp2();
  settings.max_tx_udp_payload_size = kMostPacket;
  settings.max_window = options_.max_window;
  settings.handshake_timeout = to_ngtcp2(options_.handshake_limit);
  const auto own =
      server_ ? Admission{} : Admission::mint(user_, unix_seconds(), {first_id_.data, first_id_.datalen});
  const auto minted = own.text();
  compat::set_token(settings, first ? compat::token_of(*first) : std::span<const std::uint8_t>(minted));

  ngtcp2_transport_params params;
  ngtcp2_transport_params_default(&params);
  params.initial_max_stream_data_bidi_local = params.initial_max_stream_data_bidi_remote =
      options_.stream_window;
  params.initial_max_data = options_.window;
  params.initial_max_streams_bidi = server_ ? options_.max_streams : 0;
  params.max_idle_timeout = to_ngtcp2(options_.idle_limit);
  params.max_datagram_frame_size = kMostPacket;
  params.active_connection_id_limit = 4;
  params.max_udp_payload_size = kMostPacket;
  if (server_) compat::set_first_destination(params, first_id_);

  const auto table = callback_table(server_);
  const auto source = draw_id(kIdSize);
  auto view = path_.view();
  const int made = server_ ? ngtcp2_conn_server_new(&quic_, &destination, &source, &view, first->version,
                                                    &table, &settings, &params, nullptr, this)
                           : ngtcp2_conn_client_new(&quic_, &destination, &source, &view, NGTCP2_PROTO_VER_V1,
                                                    &table, &settings, &params, nullptr, this);
  if (made != 0) throw std::runtime_error(std::string("QUIC: ") + ngtcp2_strerror(made));
  ngtcp2_conn_set_tls_native_handle(quic_, tls_.get());
  if (early) compat::set_early_parameters(quic_, *early);
  owner_.own_id(source);
}

Connection::~Connection() {
  end(make_error_code(Errc::closed));
  ngtcp2_conn_del(quic_);
}

void Connection::meter(const Meters& meters) noexcept {
  meters_ = meters;
  count(meters_.received, uncounted_in_, std::exchange(uncounted_in_, 0));
  count(meters_.sent, uncounted_out_, std::exchange(uncounted_out_, 0));
}

void Connection::count(const Meters::Counters& where, std::uint64_t& uncounted,
                       std::uint64_t bytes) noexcept {
  if (!where[0]) uncounted += bytes;
  for (auto* counter : where)
    if (counter) *counter += bytes;
}

void Connection::receive(const Path& path, std::span<const std::uint8_t> packet) {
  if (ended_) return;
  bytes_in_ += kHead + packet.size();
  auto at = path;
  const auto view = at.view();
  const ngtcp2_pkt_info info{};
  const int outcome =
      ngtcp2_conn_read_pkt(quic_, &view, &info, packet.data(), packet.size(), now_in_ngtcp2());
  if (outcome != 0) return fail(outcome);
  if (proven_ && !std::exchange(told_, true)) owner_.on_handshake();
  if (!server_ && !resumable_ && proven_ &&
      (gnutls_session_get_flags(tls_.get()) & GNUTLS_SFLAGS_SESSION_TICKET) != 0) {
    resumable_ = true;
    owner_.on_resumption({TlsClient::ticket_of(tls_.get()), compat::early_parameters(quic_)});
  }
  hand_over();
}

void Connection::hand_over() {
  for (auto& whole : std::exchange(requests_, {}))
    if (!ended_) owner_.on_request(std::move(whole.request), std::move(whole.stream));
}

StreamStatePtr Connection::add(std::int64_t id) {
  auto state = std::make_shared<StreamState>(*this);
  state->id = id;
  streams_.emplace(id, state);
  return state;
}

void Connection::forget(std::int64_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  auto& s = *found->second;
  if (s.is_linked()) s.unlink();
  left(s.released ? 0 : s.in.size());
  s.connection = nullptr;
  s.readable_signal.notify();
  s.writable_signal.notify();
  if (std::exchange(s.counted, false)) --used_;
  streams_.erase(found);
}

std::unique_ptr<QuicStream> Connection::open(const Request& request) {
  auto state = std::make_shared<StreamState>(*this);
  auto stream = std::make_unique<QuicStream>(state, executor_);
  if (ended_) {
    state->connection = nullptr;
    state->fail(make_error_code(Errc::no_route));
    return stream;
  }
  std::vector<std::uint8_t> head;
  append(head, request);
  state->out.append(head);
  state->overhead = head.size();
  state->counted = request.kind != Request::Kind::control;
  state->flow = request.kind == Request::Kind::datagrams;
  used_ += state->counted ? 1 : 0;
  unopened_.push_back(std::move(state));
  kick();
  return stream;
}

void Connection::open_waiting() {
  while (!unopened_.empty()) {
    const auto state = unopened_.front();
    std::int64_t id = -1;
    if (ngtcp2_conn_open_bidi_stream(quic_, &id, state.get()) != 0) return;
    unopened_.pop_front();
    state->id = id;
    streams_.emplace(id, state);
    if (!state->is_linked()) sendable_.push_back(*state);
  }
}

bool Connection::migrate(const Path& path) {
  if (ended_ || !proven_) return false;
  auto next = path;
  const auto view = next.view();
  if (ngtcp2_conn_initiate_immediate_migration(quic_, &view, now_in_ngtcp2()) != 0) return false;
  path_ = path;
  kick();
  return true;
}

std::chrono::microseconds Connection::rtt() const {
  const auto stat = compat::figures(quic_);
  if (stat.min_rtt == UINT64_MAX) return {};
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::nanoseconds(stat.smoothed_rtt));
}

void Connection::want_to_send(const StreamStatePtr& stream) noexcept {
  if (ended_) return;
  if (stream->id >= 0 && !stream->is_linked()) sendable_.push_back(*stream);
  kick();
}

void Connection::consumed(StreamState& stream, std::size_t n) noexcept {
  left(n);
  stream.unconsumed += n;
  if (stream.unconsumed < kGiveBackAt && !stream.in.empty()) return;
  const auto taken = std::exchange(stream.unconsumed, 0);
  if (ended_ || stream.id < 0 || stream.remote_ended) return;
  (void)ngtcp2_conn_extend_max_stream_offset(quic_, stream.id, taken);
  unconsumed_ += taken;
  if (unconsumed_ < kGiveBackAt) return;
  unconsumed_ = 0;
  kick();
}

// The connection's window: what arrives is given back at once, so that a reader who stalls is in nobody's
// way, up to a bound of all that is unread.
void Connection::arrived(std::size_t n) {
  unread_ += n;
  withheld_ += n;
  if (unread_ > options_.max_unread) return;
  ngtcp2_conn_extend_max_offset(quic_, std::exchange(withheld_, 0));
}

void Connection::left(std::size_t n) {
  unread_ -= std::min<std::uint64_t>(n, unread_);
  if (ended_ || withheld_ == 0 || unread_ > options_.max_unread) return;
  ngtcp2_conn_extend_max_offset(quic_, std::exchange(withheld_, 0));
  kick();
}

void Connection::release(const StreamStatePtr& stream, bool abort) noexcept {
  if (std::exchange(stream->counted, false)) --used_;
  if (ended_) return;
  left(stream->in.size());
  // A request that nobody has answered is not to look like an answer that has ended.
  const bool cut = abort || stream->error.failed() || (server_ && !stream->answered);
  if (stream->id < 0) {
    if (cut) {
      std::erase(unopened_, stream);
    } else {
      stream->ended = true;
      lingering_.push_back({stream, Clock::now()});
    }
    return kick();
  }
  if (cut) {
    compat::cut_stream(quic_, stream->id, kNotWanted);
    if (stream->is_linked()) stream->unlink();
  } else {
    stream->ended = true;
    if (!stream->is_linked() && stream->has_to_send()) sendable_.push_back(*stream);
    if (!stream->remote_ended) lingering_.push_back({stream, Clock::now()});
  }
  kick();
}

void Connection::kick() {
  if (ended_ || std::exchange(kicked_, true)) return;
  asio::post(executor_, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired() && std::exchange(kicked_, false)) flush();
  });
}

void Connection::close(std::uint64_t application_error) {
  if (ended_) return;
  say_close(0, application_error);
  end({});
}

void Connection::abandon(error_code why) {
  end(why);
}

void Connection::fail(int code) {
  if (ended_) return;
  switch (code) {
    case NGTCP2_ERR_DRAINING: {
      const auto told = compat::peers_error(quic_);
      return end(told == 0 ? error_code() : error_code(asio::error::connection_reset));
    }
    case NGTCP2_ERR_IDLE_CLOSE:
      return end(used_ == 0 && proven_ ? error_code() : make_error_code(Errc::timed_out));
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
      return end(make_error_code(Errc::timed_out));
    case NGTCP2_ERR_DROP_CONN:
    case NGTCP2_ERR_RETRY:
    case NGTCP2_ERR_CLOSING:
      return end(make_error_code(Errc::protocol));
    default:
      say_close(code, 0);
      return end(make_error_code(code == NGTCP2_ERR_CRYPTO ? Errc::proof_refused : Errc::protocol));
  }
}

void Connection::end(error_code why) {
  if (std::exchange(ended_, true)) return;
  error_ = why;
  clock_.cancel();
  alive_.reset();
  sendable_.clear();
  lingering_.clear();
  requests_.clear();
  const auto lost = make_error_code(why == Errc::timed_out ? Errc::timed_out : Errc::no_route);
  for (const auto& [id, s] : streams_) {
    s->connection = nullptr;
    s->fail(lost);
  }
  for (const auto& s : unopened_) {
    s->connection = nullptr;
    s->fail(make_error_code(Errc::unprocessed));
  }
  unopened_.clear();
  owner_.on_end();
}

}  // namespace surang::quic
