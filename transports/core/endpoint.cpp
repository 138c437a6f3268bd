#include "transports/core/endpoint.hpp"

#include <charconv>

namespace surang {
namespace {

bool valid_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  for (char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    const bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!ok || ++label > 63) return false;
  }
  return label > 0;
}

// As to_string, which takes the long way by printf.
std::string text_of(const boost::asio::ip::address& address) {
  if (address.is_v6()) return address.to_string();
  std::string text;
  for (const auto byte : address.to_v4().to_bytes()) {
    if (!text.empty()) text += '.';
    text += std::to_string(byte);
  }
  return text;
}

}  // namespace

std::optional<boost::asio::ip::address> address_literal(std::string_view host) {
  boost::system::error_code ec;
  boost::asio::ip::address address;
  if (host.find(':') != host.npos)
    address = boost::asio::ip::make_address_v6(host, ec);
  else if (!host.empty() && host.back() >= '0' && host.back() <= '9')
    address = boost::asio::ip::make_address_v4(host, ec);
  else
    return std::nullopt;
  if (ec) return std::nullopt;
  return address;
}

boost::asio::ip::address unmapped(const boost::asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
}

Endpoint::Endpoint(std::string host, std::uint16_t port)
    : host_(std::move(host)), port_(port), address_(address_literal(host_)) {}

Endpoint::Endpoint(const boost::asio::ip::address& address, std::uint16_t port)
    : host_(text_of(address)), port_(port), address_(address) {}

Result<Endpoint> Endpoint::make(std::string_view host, std::uint16_t port) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == host.npos) return make_error_code(Errc::bad_input);
  }
  if (const auto address = address_literal(host)) return Endpoint(*address, port);
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string name(host);
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (!valid_name(name)) return make_error_code(Errc::bad_input);
  // A last label of digits only is an IPv4 address somebody wrote wrongly (WHATWG URL, "ends in a number").
  if (name.find_last_not_of("0123456789") == name.npos || name[name.find_last_not_of("0123456789")] == '.')
    return make_error_code(Errc::bad_input);
  return Endpoint(std::move(name), port);
}

Result<Endpoint> Endpoint::parse(std::string_view text, std::optional<std::uint16_t> default_port) {
  std::string_view host = text;
  std::optional<std::uint16_t> port = default_port;
  const auto colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  const bool has_port =
      colon != text.npos && (bracketed ? colon > 0 && text[colon - 1] == ']' : text.find(':') == colon);
  if (has_port) {
    host = text.substr(0, colon);
    const auto digits = text.substr(colon + 1);
    std::uint16_t value = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (ec != std::errc{} || end != digits.data() + digits.size()) return make_error_code(Errc::bad_input);
    port = value;
  }
  if (!port) return make_error_code(Errc::bad_input);
  return make(host, *port);
}

std::string Endpoint::to_string() const {
  const bool v6 = host_.find(':') != host_.npos;
  return (v6 ? '[' + host_ + ']' : host_) + ':' + std::to_string(port_);
}

}  // namespace surang
