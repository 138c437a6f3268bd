#include "bridge-server/listeners/proxy_protocol.hpp"

#include <doctest.h>

#include <string>
#include <vector>

#include "bridge-server/listeners/proxy_header_reader.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"

using namespace surang;
using namespace surang::bridge;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes header(std::uint8_t command, std::uint8_t family, Bytes body) {
  Bytes bytes{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, command, family};
  bytes.push_back(static_cast<std::uint8_t>(body.size() >> 8));
  bytes.push_back(static_cast<std::uint8_t>(body.size()));
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

const Bytes kV4Body{192, 0, 2, 7, 192, 0, 2, 1, 0x30, 0x39, 0x01, 0xbb};

Bytes v6_body() {
  Bytes body(36, 0);
  body[0] = 0x20, body[1] = 0x01, body[2] = 0x0d, body[3] = 0xb8, body[15] = 7;
  body[32] = 0x12, body[33] = 0x34;
  return body;
}

// The state with one byte more at a time; `bytes` must not be decided before its end.
ProxyHeaderState grown(const Bytes& bytes, ProxyHeader& parsed) {
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK(parse_proxy_header({bytes.data(), n}, parsed) == ProxyHeaderState::need_more);
  return parse_proxy_header(bytes, parsed);
}

}  // namespace

TEST_CASE("who connected, over IPv4 and IPv6, with TLVs") {
  ProxyHeader parsed;
  REQUIRE(grown(header(0x21, 0x11, kV4Body), parsed) == ProxyHeaderState::complete);
  CHECK(parsed.size == 28);
  REQUIRE(parsed.source);
  CHECK(parsed.source->address().to_string() == "192.0.2.7");
  CHECK(parsed.source->port() == 12345);

  auto body = v6_body();
  body.insert(body.end(), {0x04, 0x00, 0x02, 0xaa, 0xbb});
  auto bytes = header(0x21, 0x21, body);
  REQUIRE(grown(bytes, parsed) == ProxyHeaderState::complete);
  CHECK(parsed.source->address().to_string() == "2001:db8::7");
  CHECK(parsed.source->port() == 0x1234);
  bytes.push_back(0x16);  // what follows is not the header's
  REQUIRE(parse_proxy_header(bytes, parsed) == ProxyHeaderState::complete);
  CHECK(parsed.size == bytes.size() - 1);
}

TEST_CASE("LOCAL and unknown families name nobody") {
  ProxyHeader parsed;
  CHECK(grown(header(0x20, 0x00, {}), parsed) == ProxyHeaderState::complete);
  CHECK(!parsed.source);
  CHECK(grown(header(0x20, 0x11, {1, 2, 3}), parsed) == ProxyHeaderState::complete);
  CHECK(!parsed.source);
  CHECK(grown(header(0x21, 0x31, Bytes(216, 'x')), parsed) == ProxyHeaderState::complete);
  CHECK(!parsed.source);
}

TEST_CASE("anything else is bad at the first byte that shows it") {
  ProxyHeader parsed;
  const auto state = [&](const Bytes& bytes) { return parse_proxy_header(bytes, parsed); };
  CHECK(state({'P'}) == ProxyHeaderState::bad);  // version 1
  CHECK(state({0x0d, 0x0a, 0x0d, 0x0b}) == ProxyHeaderState::bad);
  CHECK(state(header(0x11, 0x11, kV4Body)) == ProxyHeaderState::bad);
  CHECK(state(header(0x22, 0x11, kV4Body)) == ProxyHeaderState::bad);
  CHECK(state(header(0x21, 0x11, Bytes(11))) == ProxyHeaderState::bad);
  CHECK(state(header(0x21, 0x21, Bytes(35))) == ProxyHeaderState::bad);
  CHECK(state(header(0x21, 0x11, Bytes(2049))) == ProxyHeaderState::bad);
}

TEST_CASE("the reader takes the header and not a byte more") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    for (const std::size_t chunk_size : {std::size_t{1}, std::size_t{SIZE_MAX}}) {
      auto [near, far] = test::memory_stream_pair(io.get_executor(), chunk_size);
      auto bytes = header(0x21, 0x11, kV4Body);
      bytes.push_back('!');
      (void)co_await far->write_all(asio::buffer(bytes));
      const auto read = co_await read_proxy_header(*near);
      REQUIRE(read.has_value());
      CHECK(read->source->port() == 12345);
      char rest = 0;
      const auto more = near->try_read(asio::buffer(&rest, 1));
      CHECK(more.has_value());
      CHECK(rest == '!');
    }
    auto [near, far] = test::memory_stream_pair(io.get_executor());
    const std::string bad = "GET / HTTP/1.1\r\n\r\n";
    (void)co_await far->write_all(asio::buffer(bad));
    const auto refused = co_await read_proxy_header(*near);
    CHECK(refused.has_error());
    const std::string cut = "\r\n\r\n";
    auto [one, two] = test::memory_stream_pair(io.get_executor());
    (void)co_await two->write_all(asio::buffer(cut));
    (void)co_await two->shutdown_write();
    const auto truncated = co_await read_proxy_header(*one);
    CHECK(truncated.has_error());
  });
}
