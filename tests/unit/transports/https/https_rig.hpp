// One bridge of the https transport with a cover site of its own, and clients of it over memory.
#pragma once

#include <doctest.h>

#include <unistd.h>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>

#include "tests/support/run.hpp"
#include "tests/support/tls_server.hpp"
#include "tests/support/transport_ends.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/https/https_acceptor.hpp"
#include "transports/https/https_dialer.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"
#include "transports/tcp/tcp_stream.hpp"
#include "transports/tls/client_hello.hpp"
#include "transports/tls/ticket.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::https::test_rig {

namespace test = surang::test;
using namespace std::chrono_literals;

inline constexpr auto kSite = "www.example.org";
using test::Bytes;
using test::hear;
using test::read_all;
using test::say;
using test::user_number;
using test::Users;
using test::Wire;

// A site on loopback that records all it is told and answers by its own rule.
class Site {
 public:
  using Serve = asio::awaitable<void> (*)(StreamPtr, Site&);
  Site(asio::io_context& io, Serve serve)
      : acceptor_(io, {asio::ip::address_v4::loopback(), 0}), serve_(serve), tasks_(io.get_executor()) {
    tasks_.spawn(run());
  }
  Endpoint endpoint() const { return {"127.0.0.1", acceptor_.local_endpoint().port()}; }
  Bytes told;
  int connections = 0;
  bool left_politely = false;  ///< the peer said goodbye
  test::TestServer tls = test::make_tls_server(kSite);

 private:
  asio::awaitable<void> run() {
    for (;;) {
      auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
      ++connections;
      tasks_.spawn(serve_(make_tcp_stream(std::move(socket)), *this));
    }
  }
  asio::ip::tcp::acceptor acceptor_;
  Serve serve_;
  TaskGroup tasks_;
};

// Answers every piece with as many bytes, each one more; ends when the peer does.
inline asio::awaitable<void> serve_plus_one(StreamPtr stream, Site& site) {
  Bytes block(5000);
  for (;;) {
    const auto n = co_await stream->read_some(asio::buffer(block));
    if (n.has_error() || *n == 0) break;
    site.told.insert(site.told.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
    Bytes answer(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
    for (auto& b : answer) ++b;
    if ((co_await stream->write_all(asio::buffer(answer))).has_error()) break;
  }
  (void)co_await stream->shutdown_write();
}

inline asio::awaitable<void> serve_tls(StreamPtr stream, Site& site) {
  tls::SslPtr ssl(SSL_new(site.tls.context.get()), SSL_free);
  SSL_set_accept_state(ssl.get());
  auto secured = tls::TlsStream::make(std::move(stream), std::move(ssl));
  std::string text(64, '\0');
  if ((co_await secured->read_exactly(asio::buffer(text.data(), 5))).has_error()) co_return;
  text = "the site itself";
  (void)co_await secured->write_all(asio::buffer(text));
  (void)co_await secured->shutdown_write();
  // Leave when the peer has.
  std::array<char, 100> rest{};
  while ((co_await secured->read_some(asio::buffer(rest))).has_value()) {
    if (secured->try_read(asio::buffer(rest)).has_value()) break;
  }
}

// Completes handshakes, listens to the end and says nothing.
inline asio::awaitable<void> serve_attention(StreamPtr stream, Site& site) {
  tls::SslPtr ssl(SSL_new(site.tls.context.get()), SSL_free);
  SSL_set_accept_state(ssl.get());
  auto secured = tls::TlsStream::make(std::move(stream), std::move(ssl));
  Bytes block(5000);
  for (;;) {
    const auto n = co_await secured->read_some(asio::buffer(block));
    if (n.has_error()) co_return;
    if (*n == 0) break;
    site.told.insert(site.told.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
  }
  site.left_politely = true;
}

// Listens to the end and says nothing.
inline asio::awaitable<void> serve_silence(StreamPtr stream, Site& site) {
  Bytes block(5000);
  for (;;) {
    const auto n = co_await stream->read_some(asio::buffer(block));
    if (n.has_error() || *n == 0) co_return;
    site.told.insert(site.told.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
  }
}

// Closes without a word after a while, as a site does that has waited long enough for a hello.
inline asio::awaitable<void> serve_impatience(StreamPtr stream, Site& site) {
  asio::steady_timer timer(stream->executor(), 150ms);
  co_await timer.async_wait(asio::use_awaitable);
  Bytes block(5000);
  const auto n = stream->try_read(asio::buffer(block));
  if (n.has_value()) site.told.assign(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
}

// A set that knows there was nothing before it, and so lets in tickets older than itself.
inline std::unique_ptr<ReplaySet> first_replays() {
  const auto file = std::filesystem::temp_directory_path() / ("surang-replays-" + std::to_string(getpid()));
  auto set = std::make_unique<ReplaySet>(file);
  std::filesystem::remove(file);
  return set;
}

struct Bridge {
  explicit Bridge(asio::io_context& io, Site::Serve serve = serve_plus_one)
      : site(io, serve), tasks(io.get_executor()) {
    options.public_key.fill(7);
    options.cover = site.endpoint();
    restart();
  }
  void restart() { acceptor = make_acceptor(options, users, *replays, tcp, counters); }
  asio::awaitable<void> take(StreamPtr raw) {
    auto result = co_await acceptor->accept(std::move(raw));
    if (result.has_error()) {
      errors.push_back(result.error());
    } else {
      accepted.push_back(std::move(*result));
    }
  }

  SystemResolver resolver;
  TcpDialer tcp{resolver, TcpDialerOptions()};
  Users users;
  std::unique_ptr<ReplaySet> replays = first_replays();
  AcceptorCounters counters;
  AcceptorOptions options;
  Site site;
  std::unique_ptr<TransportAcceptor> acceptor;
  std::vector<Authenticated> accepted;
  std::vector<error_code> errors;
  TaskGroup tasks;
};

inline std::unique_ptr<TransportDialer> make_client(Dialer& wire, std::uint8_t user = 1) {
  TransportSpec spec;
  spec.name = "https";
  spec.params["sni"] = kSite;
  BridgeIdentity bridge;
  bridge.hosts.push_back("bridge.example");
  bridge.public_key.fill(7);
  bridge.user = user_number(user);
  std::string why;
  auto dialer = make_transport_dialer(spec, bridge, wire, why);
  REQUIRE_MESSAGE(dialer.has_value(), why);
  return std::move(*dialer);
}

// The first flight of user 1, not sent to anybody.
inline asio::awaitable<Bytes> record_flight(asio::io_context& io, std::string text) {
  Wire wire;
  auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
  wire.waiting.push_back(std::move(ours));
  const auto client = make_client(wire);
  auto connected = co_await client->connect();
  co_await say(*connected->stream, std::move(text));
  REQUIRE(wire.writes.size() == 1);
  co_return wire.writes[0];
}

// What a stranger who sends `bytes` and then ends gets from the bridge, and from the site itself.
inline asio::awaitable<void> expect_cover(asio::io_context& io, Bridge& bridge, Bytes bytes) {
  bridge.site.told.clear();
  auto [here, there] = test::memory_stream_pair(io.get_executor());
  bridge.tasks.spawn(bridge.take(std::move(there)));
  CHECK(!(co_await here->write_all(asio::buffer(bytes))).has_error());
  CHECK(!(co_await here->shutdown_write()).has_error());
  const auto answer = co_await read_all(*here);
  CHECK(bridge.site.told == bytes);
  Bytes expected = bytes;
  for (auto& b : expected) ++b;
  CHECK(answer == expected);
  co_await bridge.tasks.join();
}

}  // namespace surang::https::test_rig
