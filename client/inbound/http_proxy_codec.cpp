#include "client/inbound/http_proxy_codec.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <cstdio>

namespace surang::client {
namespace {

namespace http = boost::beast::http;

// RFC 9110 7.6.1, and what only ever concerned the proxy. Framing is ours to set on each hop.
constexpr std::array<std::string_view, 11> kHopByHop = {"connection",
                                                        "keep-alive",
                                                        "proxy-connection",
                                                        "proxy-authenticate",
                                                        "proxy-authorization",
                                                        "te",
                                                        "trailer",
                                                        "transfer-encoding",
                                                        "upgrade",
                                                        "content-length",
                                                        "proxy-authentication-info"};

bool hop_by_hop(const HttpHead& head, std::string_view name) {
  for (const auto known : kHopByHop)
    if (same_text(name, known)) return true;
  return head.lists("connection", name) || head.lists("proxy-connection", name);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_framing(std::string& out, const HttpHead& head, Framing framing) {
  if (framing == Framing::chunked) append_field(out, "Transfer-Encoding", "chunked");
  if (framing == Framing::length && head.content_length)
    append_field(out, "Content-Length", std::to_string(*head.content_length));
}

// "http://host:80/path" -> authority and the rest. The rest is passed on as it is: sites know their own
// paths.
bool split_absolute(std::string_view target, std::string_view& authority, std::string_view& rest) {
  target.remove_prefix(target.find("://") + 3);
  const auto end = std::min(target.find_first_of("/?#"), target.size());
  authority = target.substr(0, end);
  rest = target.substr(end);
  return !authority.empty();
}

}  // namespace

Result<ProxyRequest> proxy_request(const HttpHead& head, std::string_view& why) {
  ProxyRequest request;
  if (head.method == "CONNECT") {
    auto to = Endpoint::parse(head.target);
    if (!to || to->port() == 0) {
      why = "CONNECT needs a host and a port, as in example.com:443.";
      return make_error_code(Errc::bad_input);
    }
    request.connect = true;
    request.to = std::move(*to);
    return request;
  }
  const auto scheme_end = head.target.find("://");
  if (scheme_end == head.target.npos || head.target.starts_with('/')) {
    why = "This is a proxy: set it as one in the browser instead of opening it.";
    return make_error_code(Errc::bad_input);
  }
  const auto scheme = std::string_view(head.target).substr(0, scheme_end);
  if (!same_text(scheme, "http") && !same_text(scheme, "ws")) {
    why = "Only http:// is proxied this way; for anything else use CONNECT.";
    return make_error_code(Errc::bad_input);
  }
  std::string_view authority, rest;
  if (!split_absolute(head.target, authority, rest) || authority.find('@') != authority.npos) {
    why = "The address in the request has no host, or a user name in it.";
    return make_error_code(Errc::bad_input);
  }
  if (authority.ends_with(':')) authority.remove_suffix(1);
  auto to = Endpoint::parse(authority, 80);
  if (!to || to->port() == 0) {
    why = "The host in the request is not a host name.";
    return make_error_code(Errc::bad_input);
  }
  request.to = std::move(*to);
  request.authority = authority;
  const auto fragment = rest.find('#');
  request.target = rest.substr(0, fragment);
  if (request.target.empty() && head.method == "OPTIONS") request.target = "*";
  if (request.target.empty() || request.target.starts_with('?')) request.target.insert(0, "/");
  return request;
}

bool authorized(const HttpHead& head, const Credentials& credentials) {
  if (!credentials) return true;
  const auto given = head.field("proxy-authorization");
  constexpr std::string_view scheme = "Basic ";
  if (!same_text(given.substr(0, scheme.size()), scheme)) return false;
  const auto plain = credentials->first + ':' + credentials->second;
  std::string expected(4 * ((plain.size() + 2) / 3) + 1, '\0');  // and a NUL
  expected.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(expected.data()),
                      reinterpret_cast<const unsigned char*>(plain.data()), static_cast<int>(plain.size()))));
  return same_secret(given.substr(given.find_last_of(' ') + 1), expected);
}

std::string_view wanted_upgrade(const HttpHead& head) {
  const auto protocol = head.field("upgrade");
  if (head.version < 11 || protocol.empty() || !head.lists("connection", "upgrade")) return {};
  return head.lists("upgrade", "h2c") ? std::string_view{} : protocol;
}

Framing request_framing(const HttpHead& head) {
  if (head.chunked) return Framing::chunked;
  return head.content_length ? Framing::length : Framing::none;
}

std::string forwarded_head(const HttpHead& head, const ProxyRequest& request) {
  std::string out;
  out.reserve(512);
  out.append(head.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  append_field(out, "Host", request.authority);
  for (const auto& [name, value] : head.fields)
    if (!same_text(name, "host") && !hop_by_hop(head, name)) append_field(out, name, value);
  if (const auto protocol = wanted_upgrade(head); !protocol.empty()) {
    append_field(out, "Connection", "Upgrade");
    append_field(out, "Upgrade", protocol);
  }
  append_framing(out, head, request_framing(head));
  return out += "\r\n";
}

Framing response_framing(const HttpHead& head, bool no_body, int version) {
  if (no_body || head.status / 100 == 1 || head.status == 204 || head.status == 304)
    return head.content_length ? Framing::length : Framing::none;
  if (head.content_length) return Framing::length;
  return version >= 11 ? Framing::chunked : Framing::until_close;
}

std::string returned_head(const HttpHead& head, Framing framing, bool keep_alive) {
  std::string out;
  out.reserve(512);
  out.append("HTTP/1.1 ").append(std::to_string(head.status)).append(" ").append(head.reason).append("\r\n");
  for (const auto& [name, value] : head.fields)
    if (!hop_by_hop(head, name)) append_field(out, name, value);
  if (head.status == 101) {
    append_field(out, "Connection", "Upgrade");
    append_field(out, "Upgrade", head.field("upgrade"));
  } else if (head.status / 100 != 1) {
    append_field(out, "Connection", keep_alive ? "keep-alive" : "close");
    if (head.status != 204) append_framing(out, head, framing);
  }
  return out += "\r\n";
}

void append_chunk(std::string& out, std::string_view content) {
  if (content.empty()) return;
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), content.size(), 16).ptr;
  out.append(digits.data(), end).append("\r\n").append(content).append("\r\n");
}

std::string own_answer(unsigned status, std::string_view text, bool keep_alive, bool head_request) {
  std::string body(text);
  body += '\n';
  std::string out = "HTTP/1.1 " + std::to_string(status) + ' ';
  out += http::obsolete_reason(static_cast<http::status>(status));
  out += "\r\n";
  if (status == 407) append_field(out, "Proxy-Authenticate", "Basic realm=\"Surang\", charset=\"UTF-8\"");
  append_field(out, "Content-Type", "text/plain; charset=utf-8");
  append_field(out, "Cache-Control", "no-store");
  append_field(out, "Content-Length", std::to_string(body.size()));
  append_field(out, "Connection", keep_alive ? "keep-alive" : "close");
  out += "\r\n";
  if (!head_request) out += body;
  return out;
}

}  // namespace surang::client
