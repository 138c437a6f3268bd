// The ClientHello parser, with hellos of the real OpenSSL and with broken ones.
#include "transports/tls/client_hello.hpp"

#include <doctest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <string>

#include "transports/tls/tls_stream.hpp"

using namespace surang::tls;

namespace {

using Bytes = std::vector<std::uint8_t>;

// What OpenSSL says first.
Bytes openssl_hello(const char* name) {
  const auto context = make_client_context();
  const SslPtr ssl(SSL_new(context.get()), SSL_free);
  SSL_set_tlsext_host_name(ssl.get(), name);
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>("\x02h2\x08http/1.1"), 12);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out, &data);
  return {data, data + size};
}

// The handshake message of `record`, in records of `size` bytes.
Bytes recut(const Bytes& record, std::size_t size) {
  Bytes out;
  for (std::size_t at = 5; at < record.size(); at += size) {
    const auto n = std::min(size, record.size() - at);
    out.insert(out.end(), {22, 3, 1, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
    out.insert(out.end(), record.begin() + static_cast<std::ptrdiff_t>(at),
               record.begin() + static_cast<std::ptrdiff_t>(at + n));
  }
  return out;
}

HelloState parse(const Bytes& bytes) {
  ClientHello hello;
  return parse_client_hello(bytes, hello);
}

HelloState parse(const std::string& text) {
  return parse(Bytes(text.begin(), text.end()));
}

}  // namespace

TEST_CASE("a hello is read whatever way it is cut, and not before its last byte") {
  const auto whole = openssl_hello("Www.Example.ORG");
  for (const std::size_t size : {std::size_t{1}, std::size_t{3}, std::size_t{100}, whole.size()}) {
    auto bytes = recut(whole, size);
    const auto length = bytes.size();
    const std::string after = "what follows";
    bytes.insert(bytes.end(), after.begin(), after.end());
    ClientHello hello;
    for (std::size_t n = 0; n < length; n += size == 1 ? 17 : 1)
      CHECK(parse_client_hello(std::span(bytes).first(n), hello) == HelloState::need_more);
    CHECK(parse_client_hello(std::span(bytes).first(length - 1), hello) == HelloState::need_more);
    REQUIRE(parse_client_hello(bytes, hello) == HelloState::complete);
    CHECK(hello.size == length);
    CHECK(hello.server_name == "www.example.org");
    CHECK(hello.alpn == std::vector<std::string>{"h2", "http/1.1"});
    CHECK(hello.supported_versions == std::vector<std::uint16_t>{0x0304, 0x0303});
    CHECK(hello.message == Bytes(whole.begin() + 5, whole.end()));
    CHECK(!hello.early_data);
    CHECK(hello.ends_record);
    if (size > 100) {
      REQUIRE(hello.server_name_at);
      CHECK(std::string(bytes.begin() + static_cast<std::ptrdiff_t>(hello.server_name_at->first),
                        bytes.begin() + static_cast<std::ptrdiff_t>(hello.server_name_at->first +
                                                                    hello.server_name_at->second)) ==
            "Www.Example.ORG");
    }
    if (size == 1) CHECK(!hello.server_name_at);
  }
}

TEST_CASE("what is no hello is told at its first impossible byte") {
  CHECK(parse("GET / HTTP/1.1\r\n") == HelloState::not_tls);
  CHECK(parse(std::string("\x05")) == HelloState::not_tls);
  CHECK(parse(std::string("\x16")) == HelloState::need_more);
  CHECK(parse(std::string("\x16\x02")) == HelloState::not_tls);
  CHECK(parse(std::string("\x16\x03\x05")) == HelloState::not_tls);
  CHECK(parse(std::string("\x16\x03\x01\x41")) == HelloState::not_tls);             // a record over 2^14
  CHECK(parse(std::string("\x16\x03\x01\x00\x00", 5)) == HelloState::not_tls);      // an empty one
  CHECK(parse(std::string("\x16\x03\x01\x00\x40\x02", 6)) == HelloState::not_tls);  // a ServerHello
  CHECK(parse(std::string("\x16\x03\x01\x00\x40\x01\x01", 7)) == HelloState::not_tls);
  CHECK(parse(std::string("\x16\x03\x01\x00\x40\x01\x00\x00\x02", 9)) == HelloState::not_tls);
  // A second record that is an alert.
  CHECK(parse(std::string("\x16\x03\x01\x00\x01\x01\x15", 7)) == HelloState::not_tls);
  CHECK(parse(Bytes{}) == HelloState::need_more);
}

TEST_CASE("a hello is bounded and its lists fit into each other") {
  const auto whole = openssl_hello("a.example");
  // Every single byte changed: never more than the input, never a crash, and lengths that do not fit refused.
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const int flip : {0x01, 0x80, 0xff}) {
      auto bytes = whole;
      bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ flip);
      ClientHello hello;
      if (parse_client_hello(bytes, hello) == HelloState::complete) CHECK(hello.size <= bytes.size());
    }
  Bytes endless;
  while (endless.size() < 3 * kMaxClientHello) endless.insert(endless.end(), {22, 3, 1, 0, 1, 0});
  CHECK(parse(endless) == HelloState::not_tls);
  // The longest hello that its own length allows, but with one byte a record: too many bytes.
  auto huge = Bytes{1, 0, 0x41, 0xf0, 3, 3};
  huge.resize(20000, 0);
  auto framed = Bytes(5, 0);
  framed.insert(framed.end(), huge.begin(), huge.end());
  CHECK(parse(recut(framed, 1)) == HelloState::not_tls);
}

namespace {

// A hello with `count` empty extensions of different types.
Bytes with_extensions(std::size_t count) {
  Bytes body{3, 3};
  body.resize(2 + 32, 7);
  body.insert(body.end(), {0, 0, 2, 0x13, 1, 1, 0});
  body.insert(body.end(), {static_cast<std::uint8_t>(4 * count >> 8), static_cast<std::uint8_t>(4 * count)});
  for (std::size_t i = 0; i < count; ++i)
    body.insert(body.end(), {static_cast<std::uint8_t>(0x80 + (i >> 8)), static_cast<std::uint8_t>(i), 0, 0});
  Bytes message{1, 0, static_cast<std::uint8_t>(body.size() >> 8), static_cast<std::uint8_t>(body.size())};
  message.insert(message.end(), body.begin(), body.end());
  Bytes record{22, 3, 1, static_cast<std::uint8_t>(message.size() >> 8),
               static_cast<std::uint8_t>(message.size())};
  record.insert(record.end(), message.begin(), message.end());
  return record;
}

}  // namespace

TEST_CASE("a hello has so many extensions and no more, and none twice") {
  ClientHello hello;
  REQUIRE(parse_client_hello(with_extensions(kMaxExtensions), hello) == HelloState::complete);
  CHECK(hello.extensions.size() == kMaxExtensions);
  CHECK(hello.record_version == 0x0301);
  CHECK(parse(with_extensions(kMaxExtensions + 1)) == HelloState::not_tls);
  CHECK(parse(with_extensions(4000)) == HelloState::not_tls);
  // Said at the first one too many, long before the end.
  const auto many = with_extensions(4000);
  CHECK(parse(Bytes(many.begin(), many.begin() + 400)) == HelloState::not_tls);
  auto twice = with_extensions(3);
  twice[twice.size() - 3] = 0;
  CHECK(parse(twice) == HelloState::not_tls);
}

TEST_CASE("a long hello is read when it is whole, what is wrong in its first bytes at once") {
  // One suite list of 5000 bytes, and an impossible byte: a compression list of none.
  Bytes hello{22, 3, 1, 0x13, 0xb5, 1, 0, 0x13, 0xb1, 3, 3};
  hello.resize(hello.size() + 32, 9);
  hello.insert(hello.end(), {0, 0x13, 0x88});
  hello.resize(hello.size() + 5000, 0x13);
  auto bad = hello;
  hello.insert(hello.end(), {1, 0, 0, 0});
  bad.insert(bad.end(), {0, 0, 0, 0});
  REQUIRE(hello.size() == 5 + 0x13b5);
  CHECK(parse(hello) == HelloState::complete);
  CHECK(parse(bad) == HelloState::not_tls);
  for (const std::size_t n : {std::size_t{100}, kReadAtOnce, kReadAtOnce + 10, hello.size() - 1})
    CHECK(parse(Bytes(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(n))) ==
          HelloState::need_more);
  auto early = hello;
  early[43] = 33;  // a session id of 33 bytes
  CHECK(parse(Bytes(early.begin(), early.begin() + 44)) == HelloState::not_tls);
  CHECK(parse(Bytes(early.begin(), early.end() - 1)) == HelloState::not_tls);
  // A second record that is none of a handshake is seen even behind.
  auto cut = recut(hello, 3000);
  cut[5 + 3000] = 21;
  CHECK(parse(Bytes(cut.begin(), cut.begin() + 5 + 3001)) == HelloState::not_tls);
}

TEST_CASE("JA4 agrees with its published example") {
  // Chrome, from the JA4 specification; GREASE in every list.
  ClientHello hello;
  hello.legacy_version = 0x0303;
  hello.supported_versions = {0x4a4a, 0x0304, 0x0303};
  hello.server_name = "example.com";
  hello.alpn = {"h2", "http/1.1"};
  hello.cipher_suites = {0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                         0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  hello.extensions = {0x2a2a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d,
                      0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0x3a3a};
  hello.signature_algorithms = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601};
  CHECK(ja4(hello) == "t13d1516h2_8daaf6152771_e5627efa2ab1");
  hello.alpn.clear();
  hello.extensions = {0x002b};
  hello.signature_algorithms.clear();
  CHECK(ja4(hello).substr(0, 10) == "t13i150100");
}
