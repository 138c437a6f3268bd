// TLS 1.3 early data (RFC 8446 2.3), with the real OpenSSL at both ends, over memory.
#include <doctest.h>

#include "tests/support/run.hpp"
#include "tests/unit/transports/tls/tls_talk.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tls/client_hello.hpp"

using namespace surang;
using namespace surang::tls;
using namespace std::chrono_literals;

namespace {

// A session of `server` that allows early data, from a first connection.
asio::awaitable<std::shared_ptr<SSL_SESSION>> get_session(const test::TestServer& server,
                                                          std::shared_ptr<SSL_CTX> client_context) {
  auto [a, b] = test::memory_stream_pair(co_await asio::this_coro::executor);
  auto there = server_end(std::move(b), server);
  TaskGroup tasks(co_await asio::this_coro::executor);
  tasks.spawn(echo(*there));
  std::vector<std::string> alpn(1, "h2");
  auto connected = co_await connect_verified(std::move(a), client_context, kName, alpn);
  REQUIRE(!connected.has_error());
  auto here = std::move(*connected);
  co_await write_text(*here, "hello");
  co_await expect_text(*here, "hello");  // the tickets come before it
  std::shared_ptr<SSL_SESSION> session(SSL_get1_session(here->ssl()), SSL_SESSION_free);
  CHECK(!(co_await here->shutdown_write()).has_error());
  co_await expect_end(*here);
  co_await tasks.join();
  co_return session;
}

std::unique_ptr<TlsStream> resuming_client(StreamPtr raw, SSL_CTX* context, SSL_SESSION* session,
                                           TlsTuning tuning = {}) {
  SslPtr ssl(SSL_new(context), SSL_free);
  SSL_set_connect_state(ssl.get());
  SSL_set_tlsext_host_name(ssl.get(), kName);
  SSL_set1_host(ssl.get(), kName);
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>("\x02h2"), 3);
  SSL_set_session(ssl.get(), session);
  return TlsStream::make(std::move(raw), std::move(ssl), tuning);
}

}  // namespace

TEST_CASE("early data rides in the first write, and the server answers before the client's Finished") {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      auto server = test::make_tls_server(kName, 16384);
      SSL_CTX_set_options(server.context.get(), SSL_OP_NO_ANTI_REPLAY);
      const auto client_context = test::make_tls_client(server.certificate_pem);
      const auto session = co_await get_session(server, client_context);
      REQUIRE(SSL_SESSION_get_max_early_data(session.get()) == 16384);

      auto [a, b] = test::memory_stream_pair(io.get_executor(), chunk);
      auto here = resuming_client(std::move(a), client_context.get(), session.get());
      co_await write_text(*here, "first");
      co_await write_text(*here, " second");

      // Nobody has answered yet; both writes are on the wire. Let the server have them.
      auto there = server_end(std::move(b), server);
      CHECK(!(co_await there->handshake()).has_error());
      co_await expect_text(*there, "first second");
      CHECK(there->early_data_accepted());
      CHECK(!SSL_is_init_finished(there->ssl()));
      co_await write_text(*there, "answer in half a round trip");
      CHECK(!SSL_is_init_finished(there->ssl()));
      co_await expect_text(*here, "answer in half a round trip");
      CHECK(here->early_data_accepted());
      CHECK(SSL_session_reused(here->ssl()) == 1);

      TaskGroup tasks(io.get_executor());
      tasks.spawn(echo(*there));
      const std::string text(100000, 'z');
      co_await write_text(*here, text);
      co_await expect_text(*here, text);
      CHECK(!(co_await here->shutdown_write()).has_error());
      co_await expect_end(*here);
      co_await tasks.join();
    });
}

TEST_CASE("early data beyond the limit waits for the handshake, refused early data is said again") {
  for (const bool accepted : {true, false})
    test::run([accepted](asio::io_context& io) -> asio::awaitable<void> {
      auto server = test::make_tls_server(kName, 4096);
      SSL_CTX_set_options(server.context.get(), SSL_OP_NO_ANTI_REPLAY);
      const auto client_context = test::make_tls_client(server.certificate_pem);
      const auto session = co_await get_session(server, client_context);
      if (!accepted) server = test::make_tls_server(kName, 4096);
      const auto trusting = test::make_tls_client(server.certificate_pem);

      auto [a, b] = test::memory_stream_pair(io.get_executor());
      auto there = server_end(std::move(b), server);
      TaskGroup tasks(io.get_executor());
      tasks.spawn(echo(*there));
      auto here = resuming_client(std::move(a), trusting.get(), session.get());
      std::string text(300000, 'e');
      for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
      std::string got;
      tasks.spawn([](Stream& stream, std::string what) -> asio::awaitable<void> {
        co_await write_text(stream, std::move(what));
        CHECK(!(co_await stream.shutdown_write()).has_error());
      }(*here, text));
      got = co_await read_to_end(*here);
      CHECK(got == text);
      CHECK(here->early_data_accepted() == accepted);
      co_await tasks.join();
    });
}

TEST_CASE("a client that must resume says nothing to a server that does not") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto server = test::make_tls_server(kName, 4096);
    const auto session = co_await get_session(server, test::make_tls_client(server.certificate_pem));
    server = test::make_tls_server(kName, 4096);
    const auto trusting = test::make_tls_client(server.certificate_pem);
    auto [a, b] = test::memory_stream_pair(io.get_executor());
    auto there = server_end(std::move(b), server);
    TaskGroup tasks(io.get_executor());
    std::string heard = "nothing yet";
    tasks.spawn([](Stream& stream, std::string& out) -> asio::awaitable<void> {
      out = co_await read_to_end(stream);
    }(*there, heard));
    TlsTuning tuning;
    tuning.must_resume = true;
    auto here = resuming_client(std::move(a), trusting.get(), session.get(), tuning);
    co_await write_text(*here, "for the bridge alone");
    std::array<char, 100> answer{};
    CHECK((co_await here->read_some(asio::buffer(answer))).error() == Errc::proof_refused);
    CHECK((co_await here->write_all(asio::buffer(answer))).error() == Errc::proof_refused);
    co_await tasks.join();
    CHECK(heard == "");  // a whole handshake and a close_notify, like somebody who changed their mind
  });
}
