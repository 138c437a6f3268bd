// A proxy of somebody else's that connections go through: SOCKS5 (RFC 1928, RFC 1929), SOCKS4a or HTTP
// CONNECT (RFC 9110 9.3.6). The client's end of their negotiations, without I/O; outer_proxy_dialer feeds it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "transports/core/endpoint.hpp"

namespace surang::client {

enum class ProxyKind : std::uint8_t { socks5, socks4a, http };

struct OuterProxy {
  ProxyKind kind = ProxyKind::socks5;
  Endpoint at;  ///< an address, never a name
  std::string user;
  std::optional<std::string> password;
};

/// "socks5://user:password@192.0.2.1:1080", "socks4a://…", "http://…". On Errc::bad_input `why` is what
/// PROXY-ERROR says.
Result<OuterProxy> parse_outer_proxy(std::string_view uri, std::string& why);

class ProxyNegotiation {
 public:
  enum class State : std::uint8_t { talking, open, refused };

  /// `proxy` must outlive it.
  ProxyNegotiation(const OuterProxy& proxy, const Endpoint& to);

  State state() const noexcept { return state_; }
  /// What must be sent to the proxy now; given once.
  std::string take_output() { return std::exchange(output_, {}); }
  /// How many bytes of the proxy's come next at least. Whoever reads no more than these reads nothing that is
  /// the destination's.
  std::size_t wanted() const noexcept { return wanted_; }
  /// Exactly wanted() bytes.
  void feed(std::span<const std::uint8_t> bytes);

  /// Of a refusal: the system's error that the proxy tells of, Errc::destination_denied, Errc::protocol, or
  /// Errc::proof_refused for user and password.
  error_code error() const noexcept { return error_; }

 private:
  enum class Awaiting : std::uint8_t { method, password, reply, name_size, bound, reply4, head };

  void expect(Awaiting what, std::size_t size);
  void request_socks5();
  void request_socks4a();
  void request_http();
  void take_method(std::uint8_t method);
  void take_reply(std::span<const std::uint8_t> bytes);
  void take_head();
  void refuse(error_code why);

  const OuterProxy& proxy_;
  Endpoint to_;
  State state_ = State::talking;
  Awaiting awaiting_ = Awaiting::method;
  std::size_t wanted_ = 0;
  std::string output_, head_;
  error_code error_;
};

}  // namespace surang::client
