#include "client/inbound/http_proxy_codec.hpp"

#include <doctest.h>

using namespace surang;
using namespace surang::client;

namespace {

struct Read {
  bool head = false, done = false, failed = false;
  HttpHead what;
  std::string body, left;
};

template <class Reader>
Read read_cut(std::string_view text, std::size_t step, bool no_body = false, bool ends = false) {
  Reader reader;
  if (no_body) reader.expect_no_body();
  Read out;
  std::string input;
  while (!text.empty() || !input.empty()) {
    const auto n = std::min(step, text.size());
    input += text.substr(0, n);
    text.remove_prefix(n);
    if (!reader.head_done()) out.failed = !reader.read_head(input);
    if (!out.failed && reader.head_done() && !reader.done()) out.failed = !reader.read_body(input, out.body);
    if (out.failed || reader.done() || n == 0) break;
  }
  if (ends && !out.failed && !reader.done()) out.failed = !reader.end_of_input();
  out.head = reader.head_done();
  out.done = out.head && reader.done();
  out.what = reader.head();
  out.left = input + std::string(text);
  return out;
}

template <class Reader>
Read read(std::string_view text, bool no_body = false, bool ends = false) {
  const auto whole = read_cut<Reader>(text, SIZE_MAX, no_body, ends);
  for (const std::size_t step : {1, 7}) {
    const auto cut = read_cut<Reader>(text, step, no_body, ends);
    CHECK_MESSAGE(cut.failed == whole.failed, text);
    if (whole.failed) continue;
    CHECK_MESSAGE(cut.done == whole.done, text);
    CHECK_MESSAGE(cut.body == whole.body, text);
    CHECK_MESSAGE(cut.left == whole.left, text);
    CHECK_MESSAGE(cut.what.fields == whole.what.fields, text);
  }
  return whole;
}

Read request(std::string_view text) {
  return read<HttpRequestReader>(text);
}

Result<ProxyRequest> target(std::string_view text) {
  const auto parsed = request(text);
  REQUIRE(parsed.head);
  std::string_view why;
  auto out = proxy_request(parsed.what, why);
  CHECK(out.has_error() == !why.empty());
  return out;
}

}  // namespace

TEST_CASE("requests are read whatever way they are cut") {
  auto r = request("\r\nPOST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET");
  CHECK(r.done);
  CHECK(r.body == "hello");
  CHECK(r.left == "GET");
  r = request(
      "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nNEXT");
  CHECK(r.done);
  CHECK(r.body == "hello0123456789");
  CHECK(r.left == "NEXT");
  CHECK(r.what.fields.size() == 2);
  r = request("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(r.done);
  CHECK(r.what.keep_alive);
  CHECK_FALSE(request("GET http://a/ HTTP/1.0\r\n\r\n").what.keep_alive);
  CHECK(request("GET http://a/ HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n").what.keep_alive);
}

TEST_CASE("what two readers could see differently is refused") {
  for (const std::string_view bad : {
           "POST http://a/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
           "POST http://a/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
           "POST http://a/ HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello",
           "POST http://a/ HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello",
           "POST http://a/ HTTP/1.1\r\nContent-Length: 0x5\r\n\r\nhello",
           "POST http://a/ HTTP/1.1\r\nContent-Length: \r\n\r\nhello",
           "POST http://a/ HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
           "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n",
           "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
           "GET http://a/ HTTP/1.1\nHost: a\n\n",
           "GET http://a/ HTTP/1.1\r\nX: a\rb\r\n\r\n",
           "GET http://a/ HTTP/1.1\r\n: a\r\n\r\n",
           "GET http://a/ HTTP/1.1\r\nNo colon\r\n\r\n",
           "GET http://a/ HTTP/2.0\r\n\r\n",
           "GET  http://a/ HTTP/1.1\r\n\r\n",
           "G\x01T http://a/ HTTP/1.1\r\n\r\n",
       })
    CHECK_MESSAGE(request(bad).failed, bad);
  CHECK(request("GET http://a/" + std::string(kMaxHttpHead, 'a') + " HTTP/1.1\r\n\r\n").failed);
  CHECK(read_cut<HttpRequestReader>("POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;" +
                                        std::string(2 * kMaxHttpHead, 'x'),
                                    5000)
            .failed);
}

TEST_CASE("a head is bounded however it is cut") {
  // The parser forgets what it has seen when a read ends in three bytes of a line or fewer.
  for (const std::string_view held : {"", "X", "X-", "X-A", "X-Ab", "X-Abcdefghi"}) {
    HttpRequestReader reader;
    std::string input = "GET http://a/ HTTP/1.1\r\n" + std::string(held);
    const auto line = (held.empty() ? "X: 0123456789\r\n" : ": 0123456789\r\n") + std::string(held);
    std::size_t fed = input.size();
    Result<void> ok = reader.read_head(input);
    while (ok && fed < 4 * std::size_t{kMaxHttpHead}) {
      input += line;
      fed += line.size();
      ok = reader.read_head(input);
      if (fed < kMaxHttpHead / 2) CHECK_MESSAGE(ok, held);
    }
    CHECK_MESSAGE(!ok, held);
    if (!ok) CHECK_MESSAGE(ok.error() == Errc::limit, held);
    CHECK_MESSAGE(fed <= kMaxHttpHead + line.size(), held);
  }
}

TEST_CASE("responses") {
  auto r = read<HttpResponseReader>("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP");
  CHECK(r.body == "abc");
  CHECK(r.left == "HTTP");
  r = read<HttpResponseReader>("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true);
  CHECK(r.done);
  r = read<HttpResponseReader>("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n");
  CHECK(r.done);
  r = read<HttpResponseReader>("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
  CHECK(r.done);
  CHECK(r.left.starts_with("HTTP/1.1 200"));
  r = read<HttpResponseReader>("HTTP/1.0 200 OK\r\n\r\nall of it", false, true);
  CHECK(r.what.until_close);
  CHECK(r.done);
  CHECK(r.body == "all of it");
  CHECK(read<HttpResponseReader>("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false, true).failed);
  CHECK(read<HttpResponseReader>("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc").failed);
  CHECK(read<HttpResponseReader>("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
            .failed);
  CHECK(read<HttpResponseReader>("SSH-2.0-OpenSSH\r\n").failed);
}

TEST_CASE("where a request goes") {
  auto to = target("CONNECT X.com:443 HTTP/1.1\r\n\r\n");
  CHECK(to->connect);
  CHECK(to->to.to_string() == "x.com:443");
  CHECK(target("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n")->to.to_string() == "[2001:db8::1]:443");
  to = target("GET http://Example.com HTTP/1.1\r\n\r\n");
  CHECK_FALSE(to->connect);
  CHECK(to->to.to_string() == "example.com:80");
  CHECK(to->target == "/");
  CHECK(to->authority == "Example.com");
  CHECK(target("GET http://a.com:8080/x?q=1|2#frag HTTP/1.1\r\n\r\n")->target == "/x?q=1|2");
  CHECK(target("GET http://a.com?q HTTP/1.1\r\n\r\n")->target == "/?q");
  CHECK(target("OPTIONS http://a.com HTTP/1.1\r\n\r\n")->target == "*");
  CHECK(target("GET HTTP://[::1]:81/ HTTP/1.1\r\n\r\n")->to.to_string() == "[::1]:81");
  for (const std::string_view bad :
       {"CONNECT x.com HTTP/1.1\r\n\r\n", "CONNECT x.com:0 HTTP/1.1\r\n\r\n", "CONNECT / HTTP/1.1\r\n\r\n",
        "CONNECT http://x.com/ HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: x.com\r\n\r\n",
        "GET /?u=http://x.com HTTP/1.1\r\n\r\n", "GET https://x.com/ HTTP/1.1\r\n\r\n",
        "GET http:/// HTTP/1.1\r\n\r\n", "GET http://user:pw@x.com/ HTTP/1.1\r\n\r\n",
        "GET http://x.com:99999/ HTTP/1.1\r\n\r\n", "GET http://x_$.com/ HTTP/1.1\r\n\r\n",
        "GET x.com HTTP/1.1\r\n\r\n"})
    CHECK_MESSAGE(!target(bad), bad);
}

TEST_CASE("a request loses what was for the proxy and gains the right Host") {
  const auto r = request(
      "POST http://Example.com:8080/a?b HTTP/1.1\r\nHost: other\r\nUser-Agent: x\r\nConnection: close, "
      "X-Mine\r\n"
      "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic QQ==\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
      "X-Mine: 1\r\nCookie: c\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nok");
  std::string_view why;
  const auto to = proxy_request(r.what, why);
  CHECK(forwarded_head(r.what, *to) ==
        "POST /a?b HTTP/1.1\r\nHost: Example.com:8080\r\nUser-Agent: x\r\nCookie: c\r\n"
        "Content-Length: 2\r\n\r\n");
}

TEST_CASE("an upgrade passes, but not one that serves a hop only") {
  auto r = request("GET http://a/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-X: 1\r\n\r\n");
  std::string_view why;
  CHECK(forwarded_head(r.what, *proxy_request(r.what, why)) ==
        "GET / HTTP/1.1\r\nHost: a\r\nSec-X: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  r = request(
      "GET http://a/ HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
      "x\r\n\r\n");
  CHECK(forwarded_head(r.what, *proxy_request(r.what, why)) == "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST_CASE("a response is framed for the browser") {
  auto r = read<HttpResponseReader>("HTTP/1.0 200 Fine\r\nServer: s\r\nConnection: X-Y\r\nX-Y: 1\r\n\r\n");
  CHECK(response_framing(r.what, false, 11) == Framing::chunked);
  CHECK(response_framing(r.what, false, 10) == Framing::until_close);
  CHECK(response_framing(r.what, true, 11) == Framing::none);
  CHECK(returned_head(r.what, Framing::chunked, true) ==
        "HTTP/1.1 200 Fine\r\nServer: s\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n");
  r = read<HttpResponseReader>("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true);
  CHECK(returned_head(r.what, response_framing(r.what, true, 11), false) ==
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\n");
  r = read<HttpResponseReader>(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  CHECK(returned_head(r.what, Framing::none, true) ==
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  r = read<HttpResponseReader>("HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n");
  CHECK(returned_head(r.what, Framing::none, true) == "HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n");
  std::string chunks;
  append_chunk(chunks, "");
  append_chunk(chunks, "0123456789abcdef");
  CHECK(chunks == "10\r\n0123456789abcdef\r\n");
}

TEST_CASE("passwords by Basic") {
  const Credentials secret = std::pair<std::string, std::string>{"ali", "pass:word"};
  const auto with = [&](std::string_view value) {
    return authorized(
        request("GET http://a/ HTTP/1.1\r\nProxy-Authorization: " + std::string(value) + "\r\n\r\n").what,
        secret);
  };
  CHECK(with("Basic YWxpOnBhc3M6d29yZA=="));
  CHECK(with("basic  YWxpOnBhc3M6d29yZA=="));
  CHECK_FALSE(with("Basic YWxpOnBhc3M6d29yZQ=="));
  CHECK_FALSE(with("Bearer YWxpOnBhc3M6d29yZA=="));
  CHECK_FALSE(with("Basic"));
  CHECK_FALSE(authorized(request("GET http://a/ HTTP/1.1\r\n\r\n").what, secret));
  CHECK(authorized(request("GET http://a/ HTTP/1.1\r\n\r\n").what, {}));
  CHECK(own_answer(407, "No.", true).find("Proxy-Authenticate: Basic realm=\"Surang\"") != std::string::npos);
}
