// What an HTTP proxy does to heads (RFC 9110 7, RFC 9112 3.2): where a request goes, how it is passed on, how
// the answer is passed back, and our own answers. Pure.
#pragma once

#include <string>
#include <string_view>

#include "client/inbound/http_message.hpp"
#include "client/inbound/socks_codec.hpp"
#include "transports/core/endpoint.hpp"

namespace surang::client {

struct ProxyRequest {
  bool connect = false;  ///< a tunnel; otherwise one plain HTTP exchange
  Endpoint to;
  std::string target;     ///< in origin form, for an exchange: "/path?query"
  std::string authority;  ///< as the Host of the request that is passed on
};

/// Reads a proxy request's method and target. On Errc::bad_input `why` says in words what is wrong.
Result<ProxyRequest> proxy_request(const HttpHead& head, std::string_view& why);

/// Whether Proxy-Authorization carries what the port asks for (RFC 7617); true without credentials.
bool authorized(const HttpHead& head, const Credentials& credentials);

/// The protocol that a request wants to switch to ("websocket"), or empty. h2c is not one: it would only
/// serve between two hops.
std::string_view wanted_upgrade(const HttpHead& head);

/// How a body travels on the next hop.
enum class Framing { none, length, chunked, until_close };

/// The request as it goes to the site: origin form, hop-by-hop fields gone, framing set anew.
std::string forwarded_head(const HttpHead& head, const ProxyRequest& request);
Framing request_framing(const HttpHead& head);

/// The response as it goes to the browser. `framing` must suit the browser's version; `keep_alive` says
/// whether the connection to the browser stays.
std::string returned_head(const HttpHead& head, Framing framing, bool keep_alive);
/// How a response's body goes to a browser of `version`; `no_body` for the answer to HEAD.
Framing response_framing(const HttpHead& head, bool no_body, int version);

/// Puts `content` into chunked coding in place of `out`'s end; an empty one adds nothing (it would end it).
void append_chunk(std::string& out, std::string_view content);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

inline constexpr std::string_view kConnectEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

/// A whole answer of our own, with `text` as a short plain body.
std::string own_answer(unsigned status, std::string_view text, bool keep_alive, bool head_request = false);

}  // namespace surang::client
