// What ngtcp2 tells of a connection. Nothing here writes packets; streams and owners hear of it when ngtcp2
// has returned.
#include <sodium/randombytes.h>

#include <algorithm>
#include <boost/asio/error.hpp>

#include "transports/core/varint.hpp"
#include "transports/quic/connection.hpp"

namespace surang::quic {

struct Callbacks {
  static Connection& of(void* user_data) { return *static_cast<Connection*>(user_data); }
  static StreamState* stream(void* stream_user_data) { return static_cast<StreamState*>(stream_user_data); }

  static void rand(std::uint8_t* into, std::size_t size, const ngtcp2_rand_ctx*) {
    randombytes_buf(into, size);
  }

  static int new_id(ngtcp2_conn*, ngtcp2_cid* id, std::uint8_t* token, std::size_t size, void* user) {
    id->datalen = size;
    randombytes_buf(id->data, size);
    randombytes_buf(token, NGTCP2_STATELESS_RESET_TOKENLEN);  // never used: an unknown packet gets no answer
    of(user).owner_.own_id(*id);
    return 0;
  }

  static int id_gone(ngtcp2_conn*, const ngtcp2_cid* id, void* user) {
    of(user).owner_.drop_id(*id);
    return 0;
  }

  static int handshake_done(ngtcp2_conn* quic, void* user) {
    auto& c = of(user);
    if (c.server_) {
      if (gnutls_session_ticket_send(c.tls_.get(), 1, 0) < 0) return NGTCP2_ERR_CALLBACK_FAILURE;
    } else if (c.early_ && (gnutls_session_get_flags(c.tls_.get()) & GNUTLS_SFLAGS_EARLY_DATA) == 0) {
      if (compat::reject_early_data(quic) != 0) return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    c.proven_ = true;
    c.heard_ = Connection::Clock::now();
    return 0;
  }

  // Early data was for nothing: the streams are opened again, and say again what they have said.
  static int early_refused(ngtcp2_conn*, void* user) {
    auto& c = of(user);
    std::vector<StreamStatePtr> again;
    for (const auto& [id, state] : c.streams_) again.push_back(state);
    c.streams_.clear();
    std::ranges::sort(again, {}, [](const auto& s) { return s->id; });
    for (const auto& s : again) {
      if (s->released && !s->ended) {  // cut meanwhile: it is not to be asked for again
        s->connection = nullptr;
        continue;
      }
      s->id = -1;
      s->end_sent = false;
      s->out.rewind();
      if (s->is_linked()) s->unlink();
      c.unopened_.push_back(s);
    }
    return 0;
  }

  static int opened(ngtcp2_conn* quic, std::int64_t id, void* user) {
    auto& c = of(user);
    if (!c.server_) return 0;
    auto state = c.add(id);
    return ngtcp2_conn_set_stream_user_data(quic, id, state.get()) == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
  }

  static int data(ngtcp2_conn* quic, std::uint32_t flags, std::int64_t id, std::uint64_t,
                  const std::uint8_t* bytes, std::size_t size, void* user, void* stream_user) {
    auto& c = of(user);
    auto* const s = stream(stream_user);
    std::span<const std::uint8_t> fresh(bytes, size);
    c.heard_ = Connection::Clock::now();
    if (s && !s->released && !s->error) {
      c.take(*s, fresh);
      const auto taken = size - fresh.size();
      Connection::count(c.meters_.received, c.uncounted_in_, fresh.size());
      if (!fresh.empty()) s->in.append(fresh);
      c.arrived(fresh.size());
      ngtcp2_conn_extend_max_offset(quic, taken);
      (void)ngtcp2_conn_extend_max_stream_offset(quic, id, taken);
      if ((flags & NGTCP2_STREAM_DATA_FLAG_FIN) && !s->error) {
        if (c.server_ ? s->known : s->answered)
          s->remote_ended = true;
        else if (c.server_)
          c.turn_down(*s);
        else
          s->fail(asio::error::connection_reset);
      }
      s->readable_signal.notify();
    } else {
      (void)ngtcp2_conn_extend_max_stream_offset(quic, id, size);
      ngtcp2_conn_extend_max_offset(quic, size);
    }
    return 0;
  }

  static int acknowledged(ngtcp2_conn*, std::int64_t, std::uint64_t, std::uint64_t size, void* user,
                          void* stream_user) {
    of(user).heard_ = Connection::Clock::now();
    auto* const s = stream(stream_user);
    if (!s) return 0;
    const bool was_full = s->out.size() >= StreamState::kMostHeld;
    s->out.acknowledged(size);
    if (was_full) s->writable_signal.notify();
    return 0;
  }

  static int closed(ngtcp2_conn* quic, std::uint32_t, std::int64_t id, std::uint64_t, void* user,
                    void* stream_user) {
    auto& c = of(user);
    if (auto* const s = stream(stream_user)) {
      if (!s->remote_ended || !s->end_sent || s->out.waiting() > 0) s->fail(asio::error::connection_reset);
      c.forget(id);
    }
    if (c.server_) ngtcp2_conn_extend_max_streams_bidi(quic, 1);
    return 0;
  }

  static int reset(ngtcp2_conn*, std::int64_t, std::uint64_t, std::uint64_t, void* user, void* stream_user) {
    of(user).heard_ = Connection::Clock::now();
    if (auto* const s = stream(stream_user)) s->fail(asio::error::connection_reset);
    return 0;
  }

  static int more_room(ngtcp2_conn*, std::int64_t, std::uint64_t, void* user, void* stream_user) {
    auto* const s = stream(stream_user);
    auto& c = of(user);
    if (s && !s->is_linked() && s->has_to_send()) c.sendable_.push_back(*s);
    return 0;
  }

  static int datagram(ngtcp2_conn*, std::uint32_t, const std::uint8_t* bytes, std::size_t size, void* user) {
    auto& c = of(user);
    c.heard_ = Connection::Clock::now();
    std::span<const std::uint8_t> rest(bytes, size);
    const auto number = take_varint(rest);
    if (!number || *number > (std::uint64_t{1} << 60)) return 0;
    const auto found = c.streams_.find(static_cast<std::int64_t>(*number * 4));
    if (found == c.streams_.end()) return 0;
    auto& s = *found->second;
    const auto cost = rest.size() + StreamState::kDatagramCost;
    if (!s.flow || s.released || rest.empty() || s.datagram_bytes + cost > StreamState::kMostDatagrams)
      return 0;
    Connection::count(c.meters_.received, c.uncounted_in_, rest.size());
    s.datagram_bytes += cost;
    s.datagrams.emplace_back(rest.begin(), rest.end());
    s.readable_signal.notify();
    return 0;
  }

  static int datagram_acknowledged(ngtcp2_conn*, std::uint64_t, void* user) {
    of(user).heard_ = Connection::Clock::now();
    return 0;
  }
};

ngtcp2_callbacks callback_table(bool server) {
  ngtcp2_callbacks table{};
  if (server) {
    table.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
  } else {
    table.client_initial = ngtcp2_crypto_client_initial_cb;
    table.recv_retry = ngtcp2_crypto_recv_retry_cb;
    compat::on_early_data_rejected(table, Callbacks::early_refused);
  }
  table.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb;
  table.encrypt = ngtcp2_crypto_encrypt_cb;
  table.decrypt = ngtcp2_crypto_decrypt_cb;
  table.hp_mask = ngtcp2_crypto_hp_mask_cb;
  table.update_key = ngtcp2_crypto_update_key_cb;
  table.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
  table.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
  table.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
  table.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
  table.rand = Callbacks::rand;
  table.get_new_connection_id = Callbacks::new_id;
  table.remove_connection_id = Callbacks::id_gone;
  table.handshake_completed = Callbacks::handshake_done;
  table.stream_open = Callbacks::opened;
  table.recv_stream_data = Callbacks::data;
  table.acked_stream_data_offset = Callbacks::acknowledged;
  table.stream_close = Callbacks::closed;
  table.stream_reset = Callbacks::reset;
  table.extend_max_stream_data = Callbacks::more_room;
  table.recv_datagram = Callbacks::datagram;
  table.ack_datagram = Callbacks::datagram_acknowledged;
  return table;
}

// What stands before the payload: the bridge's one byte, or the client's request.
void Connection::take(StreamState& s, std::span<const std::uint8_t>& bytes) {
  if (!server_) {
    if (s.answered || bytes.empty()) return;
    const auto byte = bytes[0];
    bytes = bytes.subspan(1);
    s.answered = true;
    if (byte != kGranted) s.fail(refusal(byte));
    return;
  }
  if (s.known) return;
  switch (s.reader.take(bytes)) {
    case RequestReader::State::more:
      return;
    case RequestReader::State::bad:
      bytes = {};
      return turn_down(s);
    case RequestReader::State::whole:
      s.known = true;
      s.flow = s.reader.request().kind == Request::Kind::datagrams;
      s.counted = s.reader.request().kind != Request::Kind::control;
      used_ += s.counted ? 1 : 0;
      requests_.push_back({std::make_unique<QuicStream>(streams_.at(s.id), executor_), s.reader.request()});
  }
}

// No request, and none to come: it is reset when packets leave next.
void Connection::turn_down(StreamState& s) {
  s.fail(make_error_code(Errc::protocol));
  s.released = true;
  lingering_.push_back({streams_.at(s.id), Clock::now()});
}

}  // namespace surang::quic
