#include "transports/tunnel/proxy_status.hpp"

#include <boost/asio/error.hpp>

namespace surang::tunnel {
namespace {

struct Row {
  Errc errc;
  int status;
  std::string_view error;  // RFC 9209 2.3
};

// The first row of an Errc is what we say; the others are what else a proxy may say.
constexpr Row kRows[] = {
    {Errc::destination_not_found, 502, "dns_error"},
    {Errc::destination_timed_out, 504, "connection_timeout"},
    {Errc::destination_timed_out, 504, "dns_timeout"},
    {Errc::destination_refused, 502, "connection_refused"},
    {Errc::destination_refused, 502, "connection_terminated"},
    {Errc::destination_denied, 403, "destination_ip_prohibited"},
    {Errc::destination_denied, 403, "http_request_denied"},
    {Errc::destination_unreachable, 502, "destination_ip_unroutable"},
    {Errc::destination_unreachable, 502, "destination_unavailable"},
    {Errc::destination_unreachable, 502, "destination_not_found"},
    {Errc::limit, 429, "http_request_denied"},  // which error_of reads as above
};

}  // namespace

Errc destination_error(const error_code& why) {
  namespace error = boost::asio::error;
  if (why == Errc::name_not_found || why == Errc::destination_not_found) return Errc::destination_not_found;
  if (why == Errc::destination_denied) return Errc::destination_denied;
  if (why == Errc::limit) return Errc::limit;
  if (why == Errc::timed_out || why == Errc::destination_timed_out || why == error::timed_out)
    return Errc::destination_timed_out;
  if (why == Errc::destination_refused || why == error::connection_refused || why == error::connection_reset)
    return Errc::destination_refused;
  return Errc::destination_unreachable;
}

Refusal refusal_of(const error_code& why) {
  const auto errc = destination_error(why);
  for (const auto& row : kRows)
    if (row.errc == errc) return {row.status, "surang; error=" + std::string(row.error)};
  return {};
}

error_code error_of(int status, std::string_view proxy_status) {
  // A list of proxies, the one nearest to the destination first; parameters after ';'.
  static constexpr std::string_view key = "error=";
  if (const auto at = proxy_status.find(key); at != proxy_status.npos) {
    auto token = proxy_status.substr(at + key.size());
    token = token.substr(0, token.find_first_of(";, \t"));
    for (const auto& row : kRows)
      if (row.error == token) return make_error_code(row.errc);
  }
  if (status == 407) return make_error_code(Errc::proof_refused);
  if (status == 403) return make_error_code(Errc::destination_denied);
  if (status == 504) return make_error_code(Errc::destination_timed_out);
  return make_error_code(Errc::destination_unreachable);
}

}  // namespace surang::tunnel
