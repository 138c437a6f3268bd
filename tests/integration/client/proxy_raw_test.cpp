// The local port as odd, early and hostile clients use it.

#include "tests/integration/client/proxy_world.hpp"

using namespace surang;
using namespace surang::test;

namespace {

std::string connect(const Origin& origin) {
  const auto to = "127.0.0.1:" + std::to_string(origin.port);
  return "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n\r\n";
}

const std::string kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";
const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

const std::string kHello = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";

}  // namespace

TEST_CASE("data in the same packet as CONNECT is not lost, nor is the answer after a half-close") {
  Origin origin;
  Proxy proxy;
  RawClient client(proxy.port);
  client.say(connect(origin) + kGet);
  client.end();
  CHECK(client.hear_all() == kEstablished + kHello);
  CHECK(client.error == asio::error::eof);
}

TEST_CASE("a SOCKS client that says everything at once, and one that says it byte by byte") {
  Origin origin;
  Proxy proxy;
  std::string request("\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01", 11);
  request += static_cast<char>(origin.port >> 8);
  request += static_cast<char>(origin.port & 0xff);
  const std::string granted("\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  RawClient quick(proxy.port);
  quick.say(request + kGet);
  CHECK(quick.hear(granted.size() + kHello.size()) == granted + kHello);
  RawClient slow(proxy.port);
  for (const char c : request + kGet) {
    slow.say({&c, 1});
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(slow.hear(granted.size() + kHello.size()) == granted + kHello);
}

TEST_CASE("a protocol in which the server speaks first is not kept waiting long") {
  Proxy proxy;
  asio::io_context io;
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  RawClient client(proxy.port);
  client.say("CONNECT 127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + " HTTP/1.1\r\n\r\n");
  const auto begin = std::chrono::steady_clock::now();
  auto site = acceptor.accept();
  asio::write(site, asio::buffer("220 hello\r\n", 11));
  CHECK(client.hear(kEstablished.size() + 11) == kEstablished + "220 hello\r\n");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  CHECK(proxy.outbound.last_kind == client::FirstFlight::Kind::none);
}

TEST_CASE("pipelined requests are answered in order") {
  Origin origin;
  Proxy proxy;
  RawClient client(proxy.port);
  const auto get = [&](const std::string& path) {
    return "GET " + origin.url(path) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  };
  client.say(get("/chunked") + get("/") + "POST " + origin.url("/echo") +
             " HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + get("/chunked"));
  for (const std::string end : {"0\r\n\r\n", "hello\n", "abc", "0\r\n\r\n"})
    CHECK(client.hear_until(end).ends_with(end));
  CHECK(origin.connections == 1);
}

TEST_CASE("what could be read two ways is refused and the connection ended") {
  Origin origin;
  Proxy proxy;
  for (const std::string tail :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "Content-Length: 1, 1\r\n\r\nab", "Transfer-Encoding: x\r\n\r\n"}) {
    RawClient client(proxy.port);
    client.say("POST " + origin.url("/echo") + " HTTP/1.1\r\nHost: x\r\n" + tail + "GET / HTTP/1.1\r\n\r\n");
    const auto got = client.hear_all();
    CHECK_MESSAGE(got.starts_with("HTTP/1.1 400 "), got);
    CHECK(got.find("HTTP/1.1", 8) == got.npos);
  }
  CHECK(origin.requests == 0);
}

TEST_CASE("a POST goes out once, even when the kept connection was left by the site") {
  Origin origin;
  Proxy proxy;
  RawClient client(proxy.port);
  for (int i = 0; i < 5; ++i) {
    client.say("POST " + origin.url("/leaves") + " HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    CHECK(client.hear_until("ok").ends_with("ok"));
    REQUIRE(becomes_true([&] { return origin.farewells == i + 1; }));
  }
  CHECK(origin.posts == 5);
  client.say("POST " + origin.url("/nothing") + " HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(client.hear_until("\r\n\r\n").starts_with("HTTP/1.1 502 "));
  CHECK(origin.posts == 6);
}

TEST_CASE("an upgrade turns into raw bytes") {
  Origin origin;
  Proxy proxy;
  RawClient client(proxy.port);
  client.say("GET " + origin.url("/switch") +
             " HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n");
  CHECK(client.hear_until("first,").starts_with("HTTP/1.1 101 "));
  client.say("and more");
  CHECK(client.hear(8) == "and more");
  client.end();
  CHECK(client.hear_all().empty());
  // Nobody asked for this one.
  RawClient other(proxy.port);
  other.say("GET " + origin.url("/switch") + " HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(other.hear_until("\r\n\r\n").starts_with("HTTP/1.1 502 "));
}

TEST_CASE("the site sees no trace of the proxy") {
  Origin origin;
  Proxy proxy;
  RawClient client(proxy.port);
  client.say("GET " + origin.url("/a?b=c") +
             " HTTP/1.1\r\nHost: wrong\r\nProxy-Connection: keep-alive\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
             "Accept: */*\r\n\r\n");
  CHECK(client.hear_until("hello\n").ends_with("hello\n"));
  CHECK(origin.last_head() ==
        "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(origin.port) + "\r\nAccept: */*\r\n\r\n");
}

TEST_CASE("a browser that goes away cancels what was opened for it") {
  Proxy proxy;
  for (const std::string request :
       {"GET http://hang.test/ HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT hang.test:25 HTTP/1.1\r\n\r\n"}) {
    proxy.outbound.cancelled = false;
    proxy.outbound.opens = 0;
    RawClient client(proxy.port);
    client.say(request);
    CHECK(becomes_true([&] { return proxy.outbound.opens == 1; }));
    if (request.starts_with("GET")) client.say(std::string(1000, 'x'));  // unread: the close is a reset
    client.abort();
    CHECK(becomes_true([&] { return proxy.outbound.cancelled.load(); }));
  }
}

TEST_CASE("a browser that half-closes gets the whole of an answer that goes on coming") {
  Origin origin;
  client::SessionOptions options;
  options.answer_half_closed = std::chrono::seconds(2);  // the answer takes longer, but has begun
  Proxy proxy(options);
  RawClient client(proxy.port);
  client.say("GET " + origin.url("/drip") + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  client.end();
  CHECK(client.hear_all().ends_with("\r\n\r\n" + std::string(20, 'd')));
  CHECK(client.error == asio::error::eof);
}

TEST_CASE("a half-closed browser does not hold a silent site for ever") {
  Origin origin;
  client::SessionOptions options;
  options.answer_half_closed = std::chrono::milliseconds(200);
  Proxy proxy(options);
  RawClient client(proxy.port);
  client.say("GET " + origin.url("/silence") + " HTTP/1.1\r\nHost: x\r\n\r\n");
  client.end();
  CHECK(client.hear_all().empty());
  CHECK(client.error == asio::error::connection_reset);
  CHECK(becomes_true([&] { return origin.farewells == 1; }));
}

TEST_CASE("a site that says nothing more is given up, one that is slow is not") {
  Origin origin;
  client::SessionOptions options;
  options.exchange_idle = std::chrono::seconds(2);
  Proxy proxy(options);
  RawClient slow(proxy.port);
  slow.say("GET " + origin.url("/drip") + " HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(slow.hear_until("dddddddddddddddddddd").ends_with("dddddddddddddddddddd"));
  RawClient silent(proxy.port);
  silent.say("GET " + origin.url("/silence") + " HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(silent.hear_until("\r\n\r\n").starts_with("HTTP/1.1 504 "));
  CHECK(becomes_true([&] { return origin.farewells == 1; }));
}

TEST_CASE("nonsense is dropped") {
  Proxy proxy;
  for (const std::string& nonsense :
       {std::string("\x16\x03\x01\x02", 4), std::string("\0\0", 2), std::string("\xff")}) {
    RawClient client(proxy.port);
    client.say(nonsense);
    CHECK(client.hear_all().empty());
  }
}

TEST_CASE("a port that is taken is named, and one that was just left is not") {
  asio::io_context io;
  std::string why;
  std::uint16_t port = 0;
  {
    client::LocalListener first(io.get_executor()), second(io.get_executor());
    REQUIRE(first.open({asio::ip::address_v4::loopback(), 0}, why));
    port = first.local().port();
    const auto refused = second.open(first.local(), why);
    CHECK(refused.error() == asio::error::address_in_use);
    CHECK(why.find("port " + std::to_string(port)) != std::string::npos);
  }
  {
    Proxy proxy;
    port = proxy.port;
    RawClient(port).say("\x16");
  }
  client::LocalListener again(io.get_executor());
  CHECK_MESSAGE(again.open({asio::ip::address_v4::loopback(), port}, why), why);
}
