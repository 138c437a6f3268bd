#include "client/outer_proxy/outer_proxy.hpp"

#include <doctest.h>

using namespace surang;
using namespace surang::client;
using namespace std::string_literals;
using namespace std::string_view_literals;
using ProxyState = ProxyNegotiation::State;

namespace {

struct Negotiated {
  std::string said;
  ProxyState state;
  error_code error;
  std::size_t left;  // bytes of the proxy's that were not asked for
};

Negotiated talk(std::string_view uri, const Endpoint& to, std::string_view answer) {
  std::string why;
  const auto proxy = parse_outer_proxy(uri, why);
  REQUIRE_MESSAGE(proxy.has_value(), why);
  ProxyNegotiation negotiation(*proxy, to);
  Negotiated out{negotiation.take_output(), ProxyState::talking, {}, 0};
  while (negotiation.state() == ProxyState::talking && negotiation.wanted() <= answer.size()) {
    const auto part = answer.substr(0, negotiation.wanted());
    answer.remove_prefix(part.size());
    negotiation.feed({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()});
    out.said += negotiation.take_output();
  }
  out.state = negotiation.state();
  out.error = negotiation.error();
  out.left = answer.size();
  return out;
}

std::string uri_refusal(std::string_view uri) {
  std::string why;
  CHECK_MESSAGE(!parse_outer_proxy(uri, why), uri);
  return why;
}

const Endpoint kBridge = *Endpoint::make("192.0.2.7", 443);

}  // namespace

TEST_CASE("URIs of outer proxies") {
  std::string why;
  auto proxy = parse_outer_proxy("socks5://tor:test1234@198.51.100.1:8000", why);
  REQUIRE(proxy.has_value());
  CHECK(proxy->kind == ProxyKind::socks5);
  CHECK(proxy->at.to_string() == "198.51.100.1:8000");
  CHECK(proxy->user == "tor");
  CHECK(proxy->password == "test1234");
  proxy = parse_outer_proxy("socks4a://198.51.100.2:8001", why);
  CHECK(proxy->kind == ProxyKind::socks4a);
  CHECK_FALSE(proxy->password);
  proxy = parse_outer_proxy("http://a%40b:p@s:s%@[2001:db8::1]:443/", why);
  CHECK(proxy->at.to_string() == "[2001:db8::1]:443");
  CHECK(proxy->user == "a@b");
  CHECK(proxy->password == "p@s:s%");
  CHECK(uri_refusal("gopher://198.51.100.1:70") == "only socks5, socks4a and http proxies are supported");
  uri_refusal("");
  uri_refusal("socks5:198.51.100.1:80");
  uri_refusal("socks5://proxy.example:80");
  uri_refusal("socks5://198.51.100.1");
  uri_refusal("socks5://198.51.100.1:0");
  uri_refusal("socks5://user@198.51.100.1:80");
  uri_refusal("socks5://:password@198.51.100.1:80");
  uri_refusal("socks5://u:" + std::string(256, 'p') + "@198.51.100.1:80");
  uri_refusal("socks4a://u:p@198.51.100.1:80");
  uri_refusal("socks4a://a%00b@198.51.100.1:80");
}

TEST_CASE("through a SOCKS5 proxy") {
  const auto request = "\x05\x01\x00\x01\xc0\x00\x02\x07\x01\xbb"sv;
  auto out = talk("socks5://198.51.100.1:80", kBridge, "\x05\x00\x05\x00\x00\x01\x7f\0\0\x01\0\x50more"sv);
  CHECK(out.state == ProxyState::open);
  CHECK(out.said == "\x05\x01\x00"s + std::string(request));
  CHECK(out.left == 4);
  out = talk("socks5://me:pw@198.51.100.1:80", kBridge, "\x05\x02\x01\x00\x05\x00\x00\x03\x03x.y\0\x50"sv);
  CHECK(out.state == ProxyState::open);
  CHECK(out.said == "\x05\x01\x02\x01\x02me\x02pw"s + std::string(request));
  CHECK(out.left == 0);
  out = talk("socks5://198.51.100.1:80", *Endpoint::make("x.com", 80), "\x05\x00"sv);
  CHECK(out.state == ProxyState::talking);
  CHECK(out.said.substr(3) == "\x05\x01\x00\x03\x05x.com\x00\x50"sv);
  out = talk("socks5://198.51.100.1:80", *Endpoint::make("2001:db8::1", 80), "\x05\x00"sv);
  CHECK(out.said.substr(3, 4) == "\x05\x01\x00\x04"sv);
  CHECK(out.said.size() == 3 + 4 + 16 + 2);

  const auto error = [&](std::string_view answer) {
    return talk("socks5://198.51.100.1:80", kBridge, answer).error;
  };
  CHECK(error("\x05\x02"sv) == Errc::proof_refused);
  CHECK(error("\x05\xff"sv) == Errc::proof_refused);
  CHECK(error("\x04\x00"sv) == Errc::protocol);
  CHECK(error("\x05\x00\x05\x01\x00\x01"sv) == Errc::protocol);
  CHECK(error("\x05\x00\x05\x02\x00\x01"sv) == Errc::destination_denied);
  CHECK(error("\x05\x00\x05\x03\x00\x01"sv) == std::errc::network_unreachable);
  CHECK(error("\x05\x00\x05\x04\x00\x01"sv) == std::errc::host_unreachable);
  CHECK(error("\x05\x00\x05\x05\x00\x01"sv) == std::errc::connection_refused);
  CHECK(error("\x05\x00\x05\x06\x00\x01"sv) == Errc::timed_out);
  CHECK(error("\x05\x00\x05\x00\x00\x09"sv) == Errc::protocol);
  CHECK(talk("socks5://me:pw@198.51.100.1:80", kBridge, "\x05\x00"sv).error == Errc::proof_refused);
  CHECK(talk("socks5://me:pw@198.51.100.1:80", kBridge, "\x05\x02\x01\x01"sv).error == Errc::proof_refused);
}

TEST_CASE("through a SOCKS4a proxy") {
  auto out = talk("socks4a://me@198.51.100.1:80", kBridge, "\0\x5a\0\0\0\0\0\0more"sv);
  CHECK(out.state == ProxyState::open);
  CHECK(out.said == "\x04\x01\x01\xbb\xc0\x00\x02\x07me\0"sv);
  CHECK(out.left == 4);
  out = talk("socks4a://198.51.100.1:80", *Endpoint::make("x.com", 80), "\0\x5b\0\0\0\0\0\0"sv);
  CHECK(out.said == "\x04\x01\x00\x50\x00\x00\x00\x01\0x.com\0"sv);
  CHECK(out.error == std::errc::connection_refused);
  CHECK(talk("socks4a://198.51.100.1:80", kBridge, "HTTP/1.1"sv).error == Errc::protocol);
}

TEST_CASE("through an HTTP proxy") {
  auto out = talk("http://198.51.100.1:80", kBridge, "HTTP/1.1 200 OK\r\nVia: x\r\n\r\nmore"sv);
  CHECK(out.state == ProxyState::open);
  CHECK(out.said == "CONNECT 192.0.2.7:443 HTTP/1.1\r\nHost: 192.0.2.7:443\r\n\r\n");
  CHECK(out.left == 4);
  out = talk("http://Aladdin:open%20sesame@198.51.100.1:80", *Endpoint::make("2001:db8::1", 443), ""sv);
  CHECK(out.said ==
        "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
        "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
  const auto error = [&](std::string_view answer) {
    return talk("http://198.51.100.1:80", kBridge, answer).error;
  };
  CHECK(error("HTTP/1.0 407 Who?\r\n\r\n") == Errc::proof_refused);
  CHECK(error("HTTP/1.1 403 No\r\n\r\n") == Errc::destination_denied);
  CHECK(error("HTTP/1.1 502 No\r\n\r\n") == std::errc::connection_refused);
  CHECK(error("HTTP/1.1 504 No\r\n\r\n") == Errc::timed_out);
  CHECK(error("SSH-2.0-x\r\n\r\n") == Errc::protocol);
  CHECK(error("HTTP/1.1\r\n\r\n") == Errc::protocol);
  CHECK(error("HTTP/1.1 200 " + std::string(20000, 'x')) == Errc::limit);
}
