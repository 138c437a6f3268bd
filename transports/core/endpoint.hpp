// Where a connection goes: a host name or an address literal, and a port. Names are lower case
// ASCII without a trailing dot (IDNs in their xn-- form), addresses in their canonical form.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transports/core/result.hpp"

namespace surang {

class Endpoint {
 public:
  Endpoint() = default;
  /// Takes `host` as it is; use make() for anything that a stranger wrote.
  Endpoint(std::string host, std::uint16_t port);
  Endpoint(const boost::asio::ip::address& address, std::uint16_t port);

  /// Normalises and checks a host (name, IPv4, IPv6 with or without brackets); Errc::bad_input.
  static Result<Endpoint> make(std::string_view host, std::uint16_t port);
  /// "host:port", "[v6]:port", or only a host when `default_port` is given; Errc::bad_input.
  static Result<Endpoint> parse(std::string_view text, std::optional<std::uint16_t> default_port = {});

  const std::string& host() const noexcept { return host_; }
  std::uint16_t port() const noexcept { return port_; }
  /// The address when host is a literal.
  const std::optional<boost::asio::ip::address>& address() const noexcept { return address_; }
  /// "host:port", IPv6 in brackets.
  std::string to_string() const;

  friend bool operator==(const Endpoint& a, const Endpoint& b) noexcept {
    return a.port_ == b.port_ && a.host_ == b.host_;
  }
  friend std::strong_ordering operator<=>(const Endpoint& a, const Endpoint& b) noexcept {
    const auto hosts = a.host_ <=> b.host_;
    return hosts != 0 ? hosts : a.port_ <=> b.port_;
  }

 private:
  std::string host_;
  std::uint16_t port_ = 0;
  std::optional<boost::asio::ip::address> address_;  // of host_, which everybody asks for again and again
};

/// The address that `host` is a literal of (without brackets), cheaply nothing for names.
std::optional<boost::asio::ip::address> address_literal(std::string_view host);

/// The IPv4 address that a v4-mapped one (::ffff:0:0/96, RFC 4291 2.5.5.2) stands for; others as they are.
boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

}  // namespace surang
