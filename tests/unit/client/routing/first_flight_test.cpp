#include "client/routing/first_flight.hpp"

#include <doctest.h>
#include <openssl/ssl.h>

#include <memory>
#include <string_view>

using namespace surang::client;
using Kind = FirstFlight::Kind;

namespace {

FirstFlight classify(std::string_view text, bool expect_more = false) {
  bool more = false;
  auto flight = classify_first_flight({text.begin(), text.end()}, more);
  CHECK_MESSAGE(more == expect_more, text);
  CHECK(std::string_view(reinterpret_cast<const char*>(flight.bytes.data()), flight.bytes.size()) == text);
  return flight;
}

// What OpenSSL says first to `name`.
std::string client_hello(const char* name) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_tlsext_host_name(ssl.get(), name);
  SSL_connect(ssl.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

TEST_CASE("a ClientHello is known when it is whole") {
  const auto hello = client_hello("X.example");
  for (std::size_t n = 1; n < hello.size(); ++n) classify(hello.substr(0, n), true);
  auto flight = classify(hello);
  CHECK(flight.kind == Kind::tls);
  CHECK(flight.host == "x.example");
  CHECK(flight.replayable);
  flight = classify(hello + "more");
  CHECK(flight.kind == Kind::tls);
  CHECK_FALSE(flight.replayable);
}

TEST_CASE("a request head is known when it is whole") {
  const std::string get = "GET /a HTTP/1.1\r\nHost: X.example:8080\r\nAccept: */*\r\n\r\n";
  for (std::size_t n = 1; n < get.size(); ++n) classify(get.substr(0, n), true);
  const auto flight = classify(get);
  CHECK(flight.kind == Kind::http);
  CHECK(flight.host == "x.example");
  CHECK(flight.method == "GET");
  CHECK(flight.replayable);
  CHECK(classify("HEAD / HTTP/1.0\r\n\r\n").replayable);
  for (const std::string once :
       {"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"}) {
    const auto f = classify(once);
    CHECK(f.kind == Kind::http);
    CHECK_MESSAGE(!f.replayable, once);
  }
}

TEST_CASE("everything else is opaque at once, and never waited for beyond the bound") {
  for (const std::string_view text :
       {std::string_view("SSH-2.0-OpenSSH_9.2\r\n"),
        std::string_view("\x13"
                         "BitTorrent protocol"),
        std::string_view("\0\0\0\5", 4), std::string_view("get / http/1.1\r\n"), std::string_view("GET /\n")})
    CHECK(classify(text).kind == Kind::opaque);
  CHECK(classify("", true).kind == Kind::none);
  CHECK(classify("GET /" + std::string(40000, 'a')).kind == Kind::opaque);
}
