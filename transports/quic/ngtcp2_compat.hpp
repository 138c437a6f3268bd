// ngtcp2 0.12 (Debian 12, Ubuntu 24.04) and 1.x differ in names and in a few calls: what we use of both, as
// one. The only place that asks which it is.
#pragma once

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "transports/quic/pace.hpp"
#include "transports/quic/startup.hpp"

namespace surang::quic::compat {

#if NGTCP2_VERSION_NUM < 0x010000

using Level = ngtcp2_crypto_level;
inline constexpr auto kCongestionControl = NGTCP2_CC_ALGO_BBR;
inline constexpr ngtcp2_duration kNoKeepAlive = 0;
using EarlyParameters = std::optional<ngtcp2_transport_params>;

inline void set_token(ngtcp2_settings& settings, std::span<const std::uint8_t> token) {
  settings.token = {const_cast<std::uint8_t*>(token.data()), token.size()};
}
inline std::span<const std::uint8_t> token_of(const ngtcp2_pkt_hd& head) {
  return {head.token.base, head.token.len};
}
inline void set_first_destination(ngtcp2_transport_params& params, const ngtcp2_cid& id) {
  params.original_dcid = id;
}
inline EarlyParameters early_parameters(ngtcp2_conn* connection) {
  const auto* told = ngtcp2_conn_get_remote_transport_params(connection);
  if (!told) return std::nullopt;
  ngtcp2_transport_params kept = *told;
  kept.version_info = {};
  kept.version_info_present = 0;
  return kept;
}
inline void set_early_parameters(ngtcp2_conn* connection, const EarlyParameters& params) {
  if (params) ngtcp2_conn_set_early_remote_transport_params(connection, &*params);
}
inline ngtcp2_ssize write_close(ngtcp2_conn* connection, ngtcp2_path* path, std::span<std::uint8_t> into,
                                int failure, std::uint64_t application_error, ngtcp2_tstamp now) {
  ngtcp2_connection_close_error why;
  ngtcp2_connection_close_error_default(&why);
  if (failure == NGTCP2_ERR_CRYPTO)
    ngtcp2_connection_close_error_set_transport_error_tls_alert(&why, ngtcp2_conn_get_tls_alert(connection),
                                                                nullptr, 0);
  else if (failure != 0)
    ngtcp2_connection_close_error_set_transport_error_liberr(&why, failure, nullptr, 0);
  else
    ngtcp2_connection_close_error_set_application_error(&why, application_error, nullptr, 0);
  ngtcp2_pkt_info info{};
  return ngtcp2_conn_write_connection_close(connection, path, &info, into.data(), into.size(), &why, now);
}
inline int reject_early_data(ngtcp2_conn* connection) {
  return ngtcp2_conn_early_data_rejected(connection);
}
inline void on_early_data_rejected(ngtcp2_callbacks& table, int (*call)(ngtcp2_conn*, void*)) {
  table.early_data_rejected = call;
}
using Figures = ngtcp2_conn_stat;
inline Figures figures(ngtcp2_conn* connection) {
  Figures out;
  ngtcp2_conn_get_conn_stat(connection, &out);
  return out;
}
/// `sent` bytes have left at `now`: says when the next may. `more`: nothing but the pace holds them back.
inline void note_sent(ngtcp2_conn* connection, std::size_t sent, bool more, ngtcp2_tstamp now, Pace& pace,
                      const Startup& startup) {
  if (sent == 0) return pace.rest(now);
  const auto s = figures(connection);
  const bool room = startup.over() && s.min_rtt != UINT64_MAX &&
                    static_cast<double>(s.bytes_in_flight) < s.pacing_rate * static_cast<double>(s.min_rtt);
  ngtcp2_conn_update_pkt_tx_time(connection, pace.sent(sent, more, room, now, s.pacing_rate));
}
inline bool startup_goes_on(ngtcp2_conn* connection, ngtcp2_tstamp now, Startup& startup) {
  const auto s = figures(connection);
  return s.min_rtt != UINT64_MAX &&
         startup.goes_on(s.pacing_rate, static_cast<double>(s.delivery_rate_sec) / NGTCP2_SECONDS,
                         s.latest_rtt, s.min_rtt, now);
}
inline void cut_stream(ngtcp2_conn* connection, std::int64_t id, std::uint64_t error) {
  (void)ngtcp2_conn_shutdown_stream(connection, id, error);
}
inline void stop_reading(ngtcp2_conn* connection, std::int64_t id, std::uint64_t error) {
  (void)ngtcp2_conn_shutdown_stream_read(connection, id, error);
}
/// The error with which the peer has closed; nothing where that was no word of its application.
inline std::optional<std::uint64_t> peers_error(ngtcp2_conn* connection) {
  ngtcp2_connection_close_error why;
  ngtcp2_conn_get_connection_close_error(connection, &why);
  if (why.type != NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION) return std::nullopt;
  return why.error_code;
}

#else

using Level = ngtcp2_encryption_level;
inline constexpr auto kCongestionControl = NGTCP2_CC_ALGO_BBR;
inline constexpr ngtcp2_duration kNoKeepAlive = UINT64_MAX;
using EarlyParameters = std::vector<std::uint8_t>;

inline void set_token(ngtcp2_settings& settings, std::span<const std::uint8_t> token) {
  settings.token = token.data();
  settings.tokenlen = token.size();
  settings.token_type = NGTCP2_TOKEN_TYPE_NEW_TOKEN;
}
inline std::span<const std::uint8_t> token_of(const ngtcp2_pkt_hd& head) {
  return {head.token, head.tokenlen};
}
inline void set_first_destination(ngtcp2_transport_params& params, const ngtcp2_cid& id) {
  params.original_dcid = id;
  params.original_dcid_present = 1;
}
inline EarlyParameters early_parameters(ngtcp2_conn* connection) {
  EarlyParameters kept(256);
  const auto size = ngtcp2_conn_encode_0rtt_transport_params(connection, kept.data(), kept.size());
  kept.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return kept;
}
inline void set_early_parameters(ngtcp2_conn* connection, const EarlyParameters& params) {
  if (!params.empty())
    ngtcp2_conn_decode_and_set_0rtt_transport_params(connection, params.data(), params.size());
}
inline ngtcp2_ssize write_close(ngtcp2_conn* connection, ngtcp2_path* path, std::span<std::uint8_t> into,
                                int failure, std::uint64_t application_error, ngtcp2_tstamp now) {
  ngtcp2_ccerr why;
  ngtcp2_ccerr_default(&why);
  if (failure == NGTCP2_ERR_CRYPTO)
    ngtcp2_ccerr_set_tls_alert(&why, ngtcp2_conn_get_tls_alert(connection), nullptr, 0);
  else if (failure != 0)
    ngtcp2_ccerr_set_liberr(&why, failure, nullptr, 0);
  else
    ngtcp2_ccerr_set_application_error(&why, application_error, nullptr, 0);
  ngtcp2_pkt_info info{};
  return ngtcp2_conn_write_connection_close(connection, path, &info, into.data(), into.size(), &why, now);
}
inline int reject_early_data(ngtcp2_conn* connection) {
  return ngtcp2_conn_tls_early_data_rejected(connection);
}
inline void on_early_data_rejected(ngtcp2_callbacks& table, int (*call)(ngtcp2_conn*, void*)) {
  table.tls_early_data_rejected = call;
}
using Figures = ngtcp2_conn_info;
inline Figures figures(ngtcp2_conn* connection) {
  Figures out;
  ngtcp2_conn_get_conn_info(connection, &out);
  return out;
}
inline void note_sent(ngtcp2_conn* connection, std::size_t, bool, ngtcp2_tstamp now, Pace&, const Startup&) {
  ngtcp2_conn_update_pkt_tx_time(connection, now);
}
inline bool startup_goes_on(ngtcp2_conn*, ngtcp2_tstamp, Startup&) {
  return false;  // not asked for: losses are counted there
}
inline void cut_stream(ngtcp2_conn* connection, std::int64_t id, std::uint64_t error) {
  (void)ngtcp2_conn_shutdown_stream(connection, 0, id, error);
}
inline void stop_reading(ngtcp2_conn* connection, std::int64_t id, std::uint64_t error) {
  (void)ngtcp2_conn_shutdown_stream_read(connection, 0, id, error);
}
inline std::optional<std::uint64_t> peers_error(ngtcp2_conn* connection) {
  const auto* why = ngtcp2_conn_get_ccerr(connection);
  if (why->type != NGTCP2_CCERR_TYPE_APPLICATION) return std::nullopt;
  return why->error_code;
}

#endif

}  // namespace surang::quic::compat
