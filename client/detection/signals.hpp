// What a failure looks like from here. Pure: error codes, timings, TCP_INFO and first bytes in, a Signal out.
// A Signal alone proves nothing; judge.hpp weighs it against another way (DETECTION.md, signals).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "client/routing/first_flight.hpp"
#include "transports/core/result.hpp"
#include "transports/tcp/tcp_info.hpp"

namespace surang::client {

/// Stored by number in the verdict store: append only.
enum class Signal : std::uint8_t {
  none = 0,
  dns_nxdomain,     ///< the system's resolver says that there is no such name
  dns_bogon,        ///< ... or gives an address that no public site can have
  dns_sinkhole,     ///< ... or one that it gives for unrelated names too
  dns_late_answer,  ///< a second, different answer came behind the first
  dns_differs,      ///< encrypted DNS gives other addresses, and those work
  dns_silence,      ///< the system's resolver does not answer
  tcp_rst,          ///< a reset or refusal instead of SYN-ACK
  tcp_silence,      ///< no SYN-ACK
  tcp_icmp,         ///< a router says unreachable or prohibited
  forged_rst,       ///< a reset sooner after the hello than the site could have sent it
  tls_rst,          ///< a reset after the ClientHello
  tls_fin,          ///< a close after the ClientHello
  tls_silence,      ///< the ClientHello was acknowledged and nothing came
  tls_lost,         ///< the ClientHello was never acknowledged
  tls_alert,        ///< an alert instead of ServerHello
  tls_not_tls,      ///< bytes that are no answer to this ClientHello
  tls_certificate,  ///< a certificate that does not verify, where another way shows one that does
  http_rst,
  http_fin,
  http_silence,
  http_lost,
  http_block_page,  ///< a known block page
  http_redirect,    ///< a redirect to another site
  http_not_http,
  no_network,     ///< no route from this computer at all: says nothing about the site
  site_down,      ///< the far end of the tunnel says that the site does not answer
  tunnel_failed,  ///< the tunnel did not carry it: says nothing about the site
  other,
  frozen,            ///< a connection that stood still in the middle of its answer
  throttled,         ///< far slower than the other way, and than other sites here
  http_shared_page,  ///< the very page that unrelated sites show here, too
};

std::string_view to_string(Signal signal) noexcept;
/// A person's words: "the connection was reset right after the site's name was sent".
std::string_view describe(Signal signal) noexcept;

bool is_dns(Signal signal) noexcept;
/// Before the first flight could be sent: SYN refused, lost or answered by ICMP.
bool is_connect(Signal signal) noexcept;
/// Nothing came back at all, at whatever stage.
bool is_silence(Signal signal) noexcept;
/// An HTTP answer that another way may show to be somebody else's: block pages and redirects.
bool is_page(Signal signal) noexcept;
/// What shows only in more than a first answer of a few kilobytes.
bool is_bulk(Signal signal) noexcept;
/// As every site looks when the network itself fails: silences, and connections refused by routers on the
/// way.
bool may_be_network(Signal signal) noexcept;

using Clock = std::chrono::steady_clock;

/// An interval shorter than this share of the kernel's min_rtt was not answered by the site itself.
inline constexpr double kForgedShare = 0.6;

/// Whether something came sooner after the connection stood than the site itself could have sent it; never
/// where no round trip was measured.
bool sooner_than_site(Clock::duration since_connected, Clock::duration min_rtt) noexcept;

/// A connect() that failed after `took`. ENETUNREACH at once is this computer's own lack of a route.
Signal connect_failure(error_code error, Clock::duration took) noexcept;

/// The connection ended (`error` empty: FIN) before the first answer, `since_connected` after the connection
/// stood, the first thing that the site could answer.
Signal answer_failure(FirstFlight::Kind kind, error_code error, Clock::duration since_connected,
                      Clock::duration min_rtt) noexcept;

/// Nothing came; `info` tells an unacknowledged flight from one that was heard and not answered.
Signal answer_silence(FirstFlight::Kind kind, std::size_t flight_size,
                      const std::optional<TcpInfo>& info) noexcept;

/// An error of a tunnelled Stream: Errc::destination_* is about the site, everything else about the tunnel.
Signal tunnel_failure(error_code error) noexcept;

}  // namespace surang::client
