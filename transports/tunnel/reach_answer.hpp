// What a bridge saw of a destination when its client asked (PROTOCOL.md, control). Data, its one JSON form
// and the reader of it; pure. For the client every byte of it is a stranger's. Used by both ends of the
// tunnel.
#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transports/core/result.hpp"

namespace surang::tunnel {

using Sha256 = std::array<std::uint8_t, 32>;

/// How far one step came.
enum class Reached : std::uint8_t {
  done,         ///< connected, handshake completed, answered
  refused,      ///< TCP: RST instead of SYN-ACK
  timed_out,    ///< silence
  unreachable,  ///< TCP: no route, or ICMP says so
  closed,       ///< the peer ended or reset it in the middle
  failed,       ///< an alert, or something else than was asked for; unknown words as well
};
std::string_view to_string(Reached reached) noexcept;

/// One address that was dialled.
struct ReachAttempt {
  boost::asio::ip::address address;
  Reached result = Reached::failed;
  std::uint32_t ms = 0;
  friend bool operator==(const ReachAttempt&, const ReachAttempt&) = default;
};

struct ReachTls {
  Reached result = Reached::failed;
  bool verified = false;  ///< against the system's roots and for the name asked about
  std::string problem;    ///< why not, in words; empty when it verified or none was shown
  Sha256 leaf{};          ///< of the certificate, DER; zeros when none was shown
  Sha256 key{};           ///< of its SubjectPublicKeyInfo (RFC 7469 2.4)
  friend bool operator==(const ReachTls&, const ReachTls&) = default;
};

struct ReachHttp {
  Reached result = Reached::failed;
  int status = 0;
  std::string location;                 ///< the host of an absolute Location; else empty
  std::optional<std::uint64_t> length;  ///< as Content-Length says
  std::string title;                    ///< of an HTML page
  Sha256 head{};                        ///< of the body's first 4096 bytes, or of all when it is shorter
  friend bool operator==(const ReachHttp&, const ReachHttp&) = default;
};

struct ReachAnswer {
  enum class Name : std::uint8_t { found, not_found, timed_out, failed };
  using Attempt = ReachAttempt;
  using Tls = ReachTls;
  using Http = ReachHttp;

  Name name = Name::failed;
  std::vector<boost::asio::ip::address> addresses;  ///< that the policy lets the bridge dial
  std::vector<Attempt> attempts;                    ///< in the order in which they were begun
  std::optional<Tls> tls;                           ///< when one connected, to a port that speaks TLS
  std::optional<Http> http;                         ///< the same for a port that speaks HTTP
  friend bool operator==(const ReachAnswer&, const ReachAnswer&) = default;

  /// The address that connected; null when none did.
  const Attempt* connected() const noexcept;
  /// The site answered the bridge, as far as was looked.
  bool works() const noexcept;
};

inline constexpr std::size_t kMostReachAddresses = 16;
inline constexpr std::size_t kMostReachText = 16 * 1024;
inline constexpr std::size_t kMostReachTitle = 100;  ///< characters
/// What a request asks for; another version has another path, which is refused with 405.
inline constexpr std::string_view kReachPath = "/.well-known/surang/reach/1";

/// Whether the bridge asks a port for a page; TLS on all others.
bool speaks_http(std::uint16_t port) noexcept;

/// The one JSON text of it.
std::string to_text(const ReachAnswer& answer);
/// Errc::protocol for anything that is no such answer; unknown members are passed over.
Result<ReachAnswer> parse_reach_answer(std::string_view text);

/// One line of at most `most` characters that a terminal may be shown: valid UTF-8 without controls of any
/// kind, runs of blanks as one.
std::string clean_text(std::string_view from, std::size_t most = kMostReachTitle);

}  // namespace surang::tunnel
