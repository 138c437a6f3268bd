#include "client/outer_proxy/outer_proxy.hpp"

#include <sodium.h>

#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <vector>

#include "client/socks5.hpp"

namespace surang::client {
namespace {

namespace errc = boost::system::errc;
using namespace socks5;

constexpr std::size_t kMostText = 255;  // SOCKS
constexpr std::size_t kMostHead = 16 * 1024;

std::string byte(std::size_t value) {
  return {static_cast<char>(value)};
}

std::string port_bytes(std::uint16_t port) {
  return byte(port >> 8) + byte(port & 255);
}

template <class Address>
std::string raw(const Address& address) {
  const auto bytes = address.to_bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// RFC 3986 2.1; a `%` that begins no escape stands for itself, since not everybody who writes this escapes.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2;
    out += escape ? static_cast<char>(value) : text[i];
    if (escape) i += 2;
  }
  return out;
}

std::optional<ProxyKind> kind_named(std::string_view scheme) {
  if (scheme == "socks5") return ProxyKind::socks5;
  if (scheme == "socks4a") return ProxyKind::socks4a;
  if (scheme == "http") return ProxyKind::http;
  return std::nullopt;
}

std::string_view unusable_login(const OuterProxy& proxy) {
  const auto outside = [](std::string_view text) { return text.empty() || text.size() > kMostText; };
  const bool nul = (proxy.user + proxy.password.value_or("")).find('\0') != std::string::npos;
  if (proxy.kind == ProxyKind::socks5 && (outside(proxy.user) || outside(proxy.password.value_or(""))))
    return "SOCKS5 needs a user name and a password of 1 to 255 bytes each";
  if (proxy.kind == ProxyKind::socks4a && proxy.password) return "SOCKS4a knows no password";
  if (proxy.kind == ProxyKind::socks4a && (nul || outside(proxy.user)))
    return "SOCKS4a needs a user name of 1 to 255 bytes other than NUL";
  if (proxy.kind == ProxyKind::http && proxy.user.find(':') != std::string::npos)
    return "HTTP knows no user name with a colon";
  return {};
}

error_code reply_error(std::uint8_t code) {
  switch (code) {
    case 2:
      return Errc::destination_denied;
    case 3:
      return errc::make_error_code(errc::network_unreachable);
    case 4:
      return errc::make_error_code(errc::host_unreachable);
    case 5:
      return errc::make_error_code(errc::connection_refused);
    case 6:
      return Errc::timed_out;
    default:
      return Errc::protocol;
  }
}

std::string base64(std::string_view text) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::string out(sodium_base64_encoded_len(text.size(), kVariant), '\0');
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  sodium_bin2base64(out.data(), out.size(), bytes, text.size(), kVariant);
  out.pop_back();  // the terminating zero
  return out;
}

}  // namespace

Result<OuterProxy> parse_outer_proxy(std::string_view uri, std::string& why) {
  const auto refuse = [&why](std::string text) {
    why = std::move(text);
    return make_error_code(Errc::bad_input);
  };
  const auto scheme_end = uri.find("://");
  if (scheme_end == uri.npos) return refuse("TOR_PT_PROXY is no URI");
  OuterProxy out;
  const auto kind = kind_named(uri.substr(0, scheme_end));
  if (!kind) return refuse("only socks5, socks4a and http proxies are supported");
  out.kind = *kind;
  auto rest = uri.substr(scheme_end + 3);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (const auto at = rest.rfind('@'); at != rest.npos) {
    const auto login = rest.substr(0, at);
    const auto colon = login.find(':');
    out.user = percent_decoded(login.substr(0, colon));
    if (colon != login.npos) out.password = percent_decoded(login.substr(colon + 1));
    if (const auto problem = unusable_login(out); !problem.empty()) return refuse(std::string(problem));
    rest.remove_prefix(at + 1);
  }
  const auto endpoint = Endpoint::parse(rest);
  if (!endpoint || !endpoint->address() || endpoint->port() == 0)
    return refuse("the proxy is not given as ADDRESS:PORT");
  out.at = *endpoint;
  return out;
}

ProxyNegotiation::ProxyNegotiation(const OuterProxy& proxy, const Endpoint& to) : proxy_(proxy), to_(to) {
  switch (proxy.kind) {
    case ProxyKind::socks5:
      output_ = byte(5) + byte(1) + byte(proxy.user.empty() ? kNoAuth : kPassword);
      expect(Awaiting::method, 2);
      break;
    case ProxyKind::socks4a:
      request_socks4a();
      break;
    case ProxyKind::http:
      request_http();
      break;
  }
}

void ProxyNegotiation::expect(Awaiting what, std::size_t size) {
  awaiting_ = what;
  wanted_ = size;
}

void ProxyNegotiation::refuse(error_code why) {
  state_ = State::refused;
  error_ = why;
}

void ProxyNegotiation::request_socks5() {
  std::vector<std::uint8_t> request{5, kConnect, 0};
  socks_address::append(request, to_);
  output_.append(request.begin(), request.end());
  expect(Awaiting::reply, 4);
}

void ProxyNegotiation::request_socks4a() {
  const auto& address = to_.address();
  const bool v4 = address && address->is_v4();
  output_ = byte(4) + byte(1) + port_bytes(to_.port());
  output_ += v4 ? raw(address->to_v4()) : std::string("\0\0\0\1", 4);
  output_ += proxy_.user + byte(0);
  if (!v4) output_ += to_.host() + byte(0);
  expect(Awaiting::reply4, 8);
}

void ProxyNegotiation::request_http() {
  output_ = "CONNECT " + to_.to_string() + " HTTP/1.1\r\nHost: " + to_.to_string() + "\r\n";
  if (!proxy_.user.empty() || proxy_.password)
    output_ +=
        "Proxy-Authorization: Basic " + base64(proxy_.user + ':' + proxy_.password.value_or("")) + "\r\n";
  output_ += "\r\n";
  expect(Awaiting::head, 1);
}

void ProxyNegotiation::feed(std::span<const std::uint8_t> bytes) {
  switch (awaiting_) {
    case Awaiting::method:
      return bytes[0] == 5 ? take_method(bytes[1]) : refuse(Errc::protocol);
    case Awaiting::password:
      return bytes[1] == 0 ? request_socks5() : refuse(Errc::proof_refused);
    case Awaiting::reply:
      return take_reply(bytes);
    case Awaiting::name_size:
      return expect(Awaiting::bound, std::size_t{bytes[0]} + 2);
    case Awaiting::bound:
      state_ = State::open;
      return;
    case Awaiting::reply4:
      if (bytes[0] != 0) return refuse(Errc::protocol);
      if (bytes[1] != 90) return refuse(reply_error(5));  // it tells no more than that it did not work
      state_ = State::open;
      return;
    case Awaiting::head:
      head_ += static_cast<char>(bytes[0]);
      if (head_.ends_with("\r\n\r\n")) return take_head();
      if (head_.size() == kMostHead) refuse(Errc::limit);
      return;
  }
}

void ProxyNegotiation::take_method(std::uint8_t method) {
  if (proxy_.user.empty()) return method == kNoAuth ? request_socks5() : refuse(Errc::proof_refused);
  if (method != kPassword) return refuse(Errc::proof_refused);
  const auto password = proxy_.password.value_or("");
  output_ += byte(1) + byte(proxy_.user.size()) + proxy_.user + byte(password.size()) + password;
  expect(Awaiting::password, 2);
}

void ProxyNegotiation::take_reply(std::span<const std::uint8_t> bytes) {
  if (bytes[0] != 5) return refuse(Errc::protocol);
  if (bytes[1] != 0) return refuse(reply_error(bytes[1]));
  if (bytes[3] == kIpv4) return expect(Awaiting::bound, 4 + 2);
  if (bytes[3] == kIpv6) return expect(Awaiting::bound, 16 + 2);
  if (bytes[3] == kName) return expect(Awaiting::name_size, 1);
  refuse(Errc::protocol);
}

void ProxyNegotiation::take_head() {
  const std::string_view head = head_;
  const bool http = (head.starts_with("HTTP/1.0 ") || head.starts_with("HTTP/1.1 ")) && head.size() > 12;
  if (!http) return refuse(Errc::protocol);
  const auto status = head.substr(9, 3);
  if (status[0] == '2') {
    state_ = State::open;
    return;
  }
  if (status == "407") return refuse(Errc::proof_refused);
  if (status == "403") return refuse(Errc::destination_denied);
  refuse(status == "504" ? error_code(Errc::timed_out) : reply_error(5));
}

}  // namespace surang::client
