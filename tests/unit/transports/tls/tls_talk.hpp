// Two ends of a TlsStream and what is said between them.
#pragma once

#include <doctest.h>

#include <array>
#include <string>

#include "tests/support/memory_stream.hpp"
#include "tests/support/tls_server.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::tls {

inline constexpr auto kName = "site.example";

inline std::unique_ptr<TlsStream> server_end(StreamPtr raw, const test::TestServer& server,
                                             TlsTuning tuning = {}) {
  SslPtr ssl(SSL_new(server.context.get()), SSL_free);
  SSL_set_accept_state(ssl.get());
  return TlsStream::make(std::move(raw), std::move(ssl), tuning);
}

inline asio::awaitable<void> write_text(Stream& stream, std::string text) {
  CHECK(!(co_await stream.write_all(asio::buffer(text))).has_error());
}

inline asio::awaitable<std::string> read_text(Stream& stream, std::size_t size) {
  std::string text(size, '\0');
  const auto r = co_await stream.read_exactly(asio::buffer(text));
  CHECK_MESSAGE(!r.has_error(), r.error().message());
  co_return text;
}

// Reads until the end; what came, or the error's name.
inline asio::awaitable<std::string> read_to_end(Stream& stream) {
  std::string all;
  std::array<char, 3000> part{};
  for (;;) {
    const auto r = co_await stream.read_some(asio::buffer(part));
    if (r.has_error()) co_return "error: " + r.error().message();
    if (*r == 0) co_return all;
    all.append(part.data(), *r);
  }
}

inline asio::awaitable<void> echo(Stream& stream) {
  std::array<char, 40000> part{};
  for (;;) {
    const auto r = co_await stream.read_some(asio::buffer(part));
    if (r.has_error() || *r == 0) break;
    if ((co_await stream.write_all(asio::buffer(part.data(), *r))).has_error()) break;
  }
  (void)co_await stream.shutdown_write();
}

inline asio::awaitable<void> shake(TlsStream& stream, Result<void>& out) {
  out = co_await stream.handshake();
}

inline bool chose_h2(TlsStream& stream) {
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(stream.ssl(), &alpn, &size);
  return std::string_view(reinterpret_cast<const char*>(alpn), size) == "h2";
}

inline asio::awaitable<void> expect_text(Stream& stream, std::string text) {
  const auto got = co_await read_text(stream, text.size());
  CHECK(got == text);
}

inline asio::awaitable<void> expect_end(Stream& stream) {
  const auto got = co_await read_to_end(stream);
  CHECK(got.empty());
}

}  // namespace surang::tls
