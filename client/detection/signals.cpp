#include "client/detection/signals.hpp"

#include <array>
#include <boost/asio/error.hpp>
#include <string>

#include "client/detection/way.hpp"

namespace surang::client {
namespace {

namespace error = boost::asio::error;

struct Words {
  std::string_view name, words;
};

constexpr std::array<Words, 32> kWords{{
    {"none", "nothing unusual"},
    {"dns_nxdomain", "the network's name server says that the site does not exist"},
    {"dns_bogon", "the network's name server gives an address that no public site can have"},
    {"dns_sinkhole", "the network's name server gives one address for unrelated sites"},
    {"dns_late_answer", "two different answers came from the network's name server"},
    {"dns_differs",
     "the network's name server lies: asked elsewhere, the name has other addresses, and those work"},
    {"dns_silence", "the network's name server does not answer"},
    {"tcp_rst", "the connection was refused or reset before it stood"},
    {"tcp_silence", "packets to the site's address vanish"},
    {"tcp_icmp", "a router on the way says that the site's address cannot be reached"},
    {"forged_rst", "a reset came sooner than the site itself could have sent it"},
    {"tls_rst", "the connection was reset right after the site's name was sent"},
    {"tls_fin", "the connection was closed right after the site's name was sent"},
    {"tls_silence", "the site's name was sent and nothing came back"},
    {"tls_lost", "packets vanish from the moment the site's name is sent"},
    {"tls_alert", "something refused the encrypted connection"},
    {"tls_not_tls", "something else than the site answered"},
    {"tls_certificate", "something else answers in the site's place, with a certificate that is not its own"},
    {"http_rst", "the connection was reset right after the request"},
    {"http_fin", "the connection was closed right after the request"},
    {"http_silence", "the request was sent and nothing came back"},
    {"http_lost", "packets vanish from the moment the request is sent"},
    {"http_block_page", "a block page came instead of the site"},
    {"http_redirect", "a redirect to another site came instead of the site"},
    {"http_not_http", "something else than the site answered"},
    {"no_network", "this computer has no route to the network"},
    {"site_down", "the site itself does not answer"},
    {"tunnel_failed", "the tunnel did not carry the connection"},
    {"other", "the connection failed"},
    {"frozen", "the connection stood still in the middle of an answer"},
    {"throttled", "the site is slowed down to a crawl"},
    {"http_shared_page", "one and the same page comes instead of unrelated sites"},
}};

constexpr const Words& words_of(Signal signal) {
  const auto i = static_cast<std::size_t>(signal);
  return i < kWords.size() ? kWords[i] : kWords[static_cast<std::size_t>(Signal::other)];
}

bool reset(error_code e) {
  return e == error::connection_reset || e == error::broken_pipe || e == error::connection_aborted;
}

}  // namespace

std::string_view to_string(Way way) noexcept {
  switch (way) {
    case Way::direct:
      return "direct";
    case Way::direct_encrypted_dns:
      return "direct with encrypted DNS";
    case Way::tunnel:
      return "tunnel";
    case Way::direct_fragmented:
      return "direct with a fragmented hello";
    case Way::direct_split:
      return "direct with a split hello";
    case Way::direct_other_address:
      return "direct to another address";
  }
  return "?";
}

std::string_view to_string(Signal signal) noexcept {
  return words_of(signal).name;
}

std::string_view describe(Signal signal) noexcept {
  return words_of(signal).words;
}

bool is_dns(Signal signal) noexcept {
  return signal >= Signal::dns_nxdomain && signal <= Signal::dns_silence;
}

bool is_connect(Signal signal) noexcept {
  return signal >= Signal::tcp_rst && signal <= Signal::tcp_icmp;
}

bool is_bulk(Signal signal) noexcept {
  return signal == Signal::frozen || signal == Signal::throttled;
}

bool is_silence(Signal signal) noexcept {
  switch (signal) {
    case Signal::dns_silence:
    case Signal::tcp_silence:
    case Signal::tls_silence:
    case Signal::tls_lost:
    case Signal::http_silence:
    case Signal::http_lost:
      return true;
    default:
      return false;
  }
}

bool is_page(Signal signal) noexcept {
  return signal == Signal::http_block_page || signal == Signal::http_redirect ||
         signal == Signal::http_shared_page;
}

bool may_be_network(Signal signal) noexcept {
  return is_silence(signal) || is_connect(signal) || signal == Signal::no_network;
}

bool sooner_than_site(Clock::duration since_connected, Clock::duration min_rtt) noexcept {
  const auto soonest = std::chrono::duration<double>(min_rtt) * kForgedShare;
  return min_rtt > Clock::duration::zero() && std::chrono::duration<double>(since_connected) < soonest;
}

Signal connect_failure(error_code e, Clock::duration took) noexcept {
  if (e == error::connection_refused || reset(e)) return Signal::tcp_rst;
  if (e == error::timed_out || e == Errc::timed_out) return Signal::tcp_silence;
  if (e == error::network_unreachable || e == error::host_unreachable || e == error::access_denied ||
      e == error::network_down || e == boost::system::errc::operation_not_permitted)
    return took < std::chrono::milliseconds(1) ? Signal::no_network : Signal::tcp_icmp;
  if (e == boost::system::errc::address_not_available || e == Errc::no_route) return Signal::no_network;
  return Signal::other;
}

Signal answer_failure(FirstFlight::Kind kind, error_code e, Clock::duration since_connected,
                      Clock::duration min_rtt) noexcept {
  const bool tls = kind == FirstFlight::Kind::tls;
  if (!e || e == error::eof) return tls ? Signal::tls_fin : Signal::http_fin;
  if (reset(e)) {
    if (sooner_than_site(since_connected, min_rtt)) return Signal::forged_rst;
    return tls ? Signal::tls_rst : Signal::http_rst;
  }
  if (e == error::timed_out || e == Errc::timed_out) return tls ? Signal::tls_silence : Signal::http_silence;
  if (e == error::network_unreachable || e == error::host_unreachable) return Signal::tcp_icmp;
  return Signal::other;
}

Signal answer_silence(FirstFlight::Kind kind, std::size_t flight_size,
                      const std::optional<TcpInfo>& info) noexcept {
  const bool tls = kind == FirstFlight::Kind::tls;
  const bool lost = info && info->bytes_acked < flight_size;
  if (tls) return lost ? Signal::tls_lost : Signal::tls_silence;
  return lost ? Signal::http_lost : Signal::http_silence;
}

Signal tunnel_failure(error_code e) noexcept {
  if (e == Errc::destination_not_found || e == Errc::destination_refused ||
      e == Errc::destination_unreachable || e == Errc::destination_timed_out || e == Errc::destination_denied)
    return Signal::site_down;
  return Signal::tunnel_failed;
}

}  // namespace surang::client
