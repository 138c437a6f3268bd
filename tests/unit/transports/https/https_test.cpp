// The https transport end to end: users get in with their first bytes in the first flight, everybody else
// gets the cover site, byte for byte.
#include <doctest.h>

#include <unistd.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cstring>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tls_server.hpp"
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

using namespace surang;
using namespace surang::https;
using namespace std::chrono_literals;

namespace {

constexpr auto kSite = "www.example.org";
using Bytes = std::vector<std::uint8_t>;

UserKey user_number(std::uint8_t n) {
  UserKey user;
  user.id.bytes.fill(n);
  user.secret.fill(static_cast<std::uint8_t>(n ^ 0x5a));
  return user;
}

class Users final : public UserDirectory {
 public:
  std::optional<UserKey> find(const UserId& id) const override {
    if (id == user_number(1).id && !removed) return user_number(1);
    return {};
  }
  bool removed = false;
};

// Hands out streams that a test made, and keeps what was written to them.
class Wire final : public Dialer {
 public:
  class Tap final : public Stream {
   public:
    Tap(StreamPtr inner, std::vector<Bytes>& writes) : inner_(std::move(inner)), writes_(writes) {}
    asio::any_io_executor executor() override { return inner_->executor(); }
    Result<std::size_t> try_read(asio::mutable_buffer into) override { return inner_->try_read(into); }
    asio::awaitable<Result<void>> wait_readable() override { return inner_->wait_readable(); }
    asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
      const auto* data = static_cast<const std::uint8_t*>(from.data());
      writes_.emplace_back(data, data + from.size());
      return inner_->write_all(from);
    }
    asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
    void close(bool abort) noexcept override { inner_->close(abort); }

   private:
    StreamPtr inner_;
    std::vector<Bytes>& writes_;
  };

  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override {
    dialled.push_back(to);
    if (waiting.empty()) co_return error_code(asio::error::connection_refused);
    StreamPtr next = std::make_unique<Tap>(std::move(waiting.front()), writes);
    waiting.pop_front();
    co_return std::move(next);
  }

  std::deque<StreamPtr> waiting;
  std::vector<Bytes> writes;
  std::vector<Endpoint> dialled;
};

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
asio::awaitable<void> serve_plus_one(StreamPtr stream, Site& site) {
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

asio::awaitable<void> serve_tls(StreamPtr stream, Site& site) {
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

// Closes without a word after a while, as a site does that has waited long enough for a hello.
asio::awaitable<void> serve_impatience(StreamPtr stream, Site& site) {
  asio::steady_timer timer(stream->executor(), 150ms);
  co_await timer.async_wait(asio::use_awaitable);
  Bytes block(5000);
  const auto n = stream->try_read(asio::buffer(block));
  if (n.has_value()) site.told.assign(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
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
  std::unique_ptr<ReplaySet> replays = std::make_unique<ReplaySet>();
  AcceptorCounters counters;
  AcceptorOptions options;
  Site site;
  std::unique_ptr<TransportAcceptor> acceptor;
  std::vector<Authenticated> accepted;
  std::vector<error_code> errors;
  TaskGroup tasks;
};

std::unique_ptr<TransportDialer> make_client(Dialer& wire, std::uint8_t user = 1) {
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

asio::awaitable<void> say(Stream& stream, std::string text) {
  const auto r = co_await stream.write_all(asio::buffer(text));
  CHECK_MESSAGE(!r.has_error(), r.error().message());
}

asio::awaitable<void> hear(Stream& stream, std::string text) {
  std::string got(text.size(), '\0');
  const auto r = co_await stream.read_exactly(asio::buffer(got));
  CHECK_MESSAGE(!r.has_error(), r.error().message());
  CHECK(got == text);
}

asio::awaitable<Bytes> read_all(Stream& stream) {
  Bytes all, block(4096);
  for (;;) {
    const auto n = co_await stream.read_some(asio::buffer(block));
    if (n.has_error() || *n == 0) co_return all;
    all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
  }
}

// The first flight of user 1, not sent to anybody.
asio::awaitable<Bytes> record_flight(asio::io_context& io, std::string text) {
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
asio::awaitable<void> expect_cover(asio::io_context& io, Bridge& bridge, Bytes bytes) {
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

}  // namespace

TEST_CASE("the first bytes of a user ride in one flight with the hello, and both ends agree who it is") {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}, std::size_t{100}})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      Bridge bridge(io);
      Wire wire;
      auto [ours, theirs] = test::memory_stream_pair(io.get_executor(), chunk);
      wire.waiting.push_back(std::move(ours));
      const auto client = make_client(wire);
      auto connected = co_await client->connect();
      REQUIRE(connected.has_value());
      auto here = std::move(*connected);
      CHECK(here.early_data);
      CHECK(wire.writes.empty());
      co_await say(*here.stream, "CONNECT first");

      // One write: a hello, and the early data right behind it.
      REQUIRE(wire.writes.size() == 1);
      tls::ClientHello hello;
      REQUIRE(tls::parse_client_hello(wire.writes[0], hello) == tls::HelloState::complete);
      CHECK(hello.early_data);
      CHECK(hello.server_name == kSite);
      CHECK(wire.writes[0].size() > hello.size + 13);

      bridge.tasks.spawn(bridge.take(std::move(theirs)));
      co_await bridge.tasks.join();
      REQUIRE(bridge.accepted.size() == 1);
      auto& there = bridge.accepted[0];
      CHECK(there.user == user_number(1).id);
      CHECK(there.binding == here.binding);
      CHECK(there.early_data);
      co_await hear(*there.stream, "CONNECT first");
      CHECK(bridge.counters.users == 1);
      if (chunk == SIZE_MAX) CHECK(bridge.site.connections == 0);

      co_await say(*there.stream, "200 at once");
      co_await hear(*here.stream, "200 at once");
      co_await say(*here.stream, std::string(100000, 'u'));
      co_await hear(*there.stream, std::string(100000, 'u'));
      co_await say(*there.stream, std::string(100000, 'd'));
      co_await hear(*here.stream, std::string(100000, 'd'));
      CHECK(!(co_await here.stream->shutdown_write()).has_error());
      const auto rest = co_await read_all(*there.stream);
      CHECK(rest.empty());
    });
}

TEST_CASE("two connections of a user have different bindings and different bytes") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto a = co_await record_flight(io, "same");
    const auto b = co_await record_flight(io, "same");
    tls::ClientHello first, second;
    tls::parse_client_hello(a, first);
    tls::parse_client_hello(b, second);
    CHECK(first.psk_identities[0].identity != second.psk_identities[0].identity);
    CHECK(first.psk_identities[0].obfuscated_age != second.psk_identities[0].obfuscated_age);
    CHECK(first.random != second.random);
  });
}

TEST_CASE("strangers get the cover site: junk, HTTP, half hellos, hellos of others") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    const auto flight = co_await record_flight(io, "CONNECT");
    std::vector<Bytes> all;
    all.push_back(Bytes(1000, 0xa5));
    all.push_back(Bytes{'G', 'E', 'T', ' ', '/', '\r', '\n', '\r', '\n'});
    all.push_back(Bytes{22});
    all.push_back(Bytes{22, 3, 1, 0, 1, 2});
    all.push_back(Bytes(flight.begin(), flight.begin() + 100));
    all.push_back(Bytes(40000, 22));
    all.push_back(Bytes());
    for (const auto& bytes : all) co_await expect_cover(io, bridge, bytes);
    CHECK(bridge.counters.strangers == all.size());
    CHECK(bridge.counters.users == 0);
    CHECK(bridge.errors.back() == Errc::proof_refused);
  });
}

TEST_CASE(
    "a replay, and a copy with any bit of the hello changed, get the cover site; the owner still gets in") {
  test::run(
      [](asio::io_context& io) -> asio::awaitable<void> {
        Bridge bridge(io);
        const auto flight = co_await record_flight(io, "CONNECT once");
        tls::ClientHello hello;
        REQUIRE(tls::parse_client_hello(flight, hello) == tls::HelloState::complete);
        for (std::size_t at = 0; at < hello.size; at += 3) {
          auto changed = flight;
          changed[at] ^= 0x10;
          co_await expect_cover(io, bridge, changed);
        }
        CHECK(bridge.replays->size() == 0);  // none of them used the ticket up

        auto [here, there] = test::memory_stream_pair(io.get_executor());
        bridge.tasks.spawn(bridge.take(std::move(there)));
        CHECK(!(co_await here->write_all(asio::buffer(flight))).has_error());
        co_await bridge.tasks.join();
        REQUIRE(bridge.accepted.size() == 1);
        co_await hear(*bridge.accepted[0].stream, "CONNECT once");

        co_await expect_cover(io, bridge, flight);
        bridge.restart();  // another worker, the same set
        co_await expect_cover(io, bridge, flight);
        CHECK(bridge.counters.replays == 2);
        CHECK(bridge.counters.users == 1);
      },
      60s);
}

TEST_CASE("stale tickets, removed users and users of other bridges get the cover site") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    bridge.options.clock_skew = -1s;  // nothing is young enough
    bridge.restart();
    co_await expect_cover(io, bridge, co_await record_flight(io, "late"));
    CHECK(bridge.counters.stale == 1);
    bridge.options.clock_skew = 120s;
    bridge.options.public_key.fill(8);
    bridge.restart();
    co_await expect_cover(io, bridge, co_await record_flight(io, "elsewhere"));
    bridge.options.public_key.fill(7);
    bridge.users.removed = true;
    bridge.restart();
    co_await expect_cover(io, bridge, co_await record_flight(io, "gone"));
    CHECK(bridge.counters.strangers == 3);
  });
}

TEST_CASE("a user whose clock is wrong by minutes still gets in with early data") {
  for (const int skew : {-100, 100})
    test::run([skew](asio::io_context& io) -> asio::awaitable<void> {
      Bridge bridge(io);
      auto seed = tls::draw_session_seed(std::time(nullptr) + skew);
      if (skew < 0) {
        // The set was made after this ticket: only with a journal is that no reason to refuse.
        const auto file =
            std::filesystem::temp_directory_path() / ("surang-replays-" + std::to_string(getpid()));
        bridge.replays = std::make_unique<ReplaySet>(file);
        bridge.restart();
        std::filesystem::remove(file);
      }
      std::array<std::uint8_t, 32> key{};
      key.fill(7);
      const auto minted = tls::mint_session(user_number(1), key, seed);
      // OpenSSL's client clock is right; the session's own time is what the client believes.
      const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
      tls::SslPtr ssl(SSL_new(context.get()), SSL_free);
      const auto* der = minted.der.data();
      SSL_SESSION* session = d2i_SSL_SESSION(nullptr, &der, static_cast<long>(minted.der.size()));
      SSL_SESSION_set_time(session, static_cast<long>(std::time(nullptr)));
      SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>("\x02h2"), 3);
      SSL_set_session(ssl.get(), session);
      SSL_SESSION_free(session);
      SSL_set_connect_state(ssl.get());
      auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
      auto here = tls::TlsStream::make(std::move(ours), std::move(ssl));
      co_await say(*here, "hello");
      bridge.tasks.spawn(bridge.take(std::move(theirs)));
      co_await bridge.tasks.join();
      REQUIRE(bridge.accepted.size() == 1);
      CHECK(bridge.accepted[0].early_data);
      co_await hear(*bridge.accepted[0].stream, "hello");
    });
}

TEST_CASE("an ordinary TLS client gets the cover site's own certificate and answer") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io, serve_tls);
    auto [here, there] = test::memory_stream_pair(io.get_executor());
    bridge.tasks.spawn(bridge.take(std::move(there)));
    std::vector<std::string> alpn(1, "h2");
    auto secured = co_await tls::connect_verified(
        std::move(here), test::make_tls_client(bridge.site.tls.certificate_pem), kSite, alpn);
    REQUIRE(secured.has_value());
    co_await say(**secured, "hello");
    co_await hear(**secured, "the site itself");
    std::array<char, 10> rest{};
    const auto end = co_await (*secured)->read_some(asio::buffer(rest));
    CHECK(end.value() == 0);
    (*secured)->close();
    co_await bridge.tasks.join();
  });
}

TEST_CASE("a user the bridge does not know ends at the cover site and tells it nothing") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io, serve_tls);
    Wire wire;
    auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
    wire.waiting.push_back(std::move(ours));
    const auto client = make_client(wire, 2);
    auto here = co_await client->connect();
    co_await say(*here->stream, "secret");
    bridge.tasks.spawn(bridge.take(std::move(theirs)));
    std::array<char, 10> answer{};
    const auto r = co_await here->stream->read_some(asio::buffer(answer));
    // The test's site has a certificate no system root vouches for; a real one would give proof_refused.
    CHECK(r.error() == Errc::certificate);
    here->stream->close(false);
    co_await bridge.tasks.join();
  });
}

TEST_CASE("silence and half a hello meet the cover site's own patience") {
  for (const bool half : {false, true})
    test::run([half](asio::io_context& io) -> asio::awaitable<void> {
      Bridge bridge(io, serve_impatience);
      const auto flight = co_await record_flight(io, "CONNECT");
      const Bytes part(flight.begin(), flight.begin() + (half ? 200 : 0));
      auto [here, there] = test::memory_stream_pair(io.get_executor());
      const auto start = std::chrono::steady_clock::now();
      bridge.tasks.spawn(bridge.take(std::move(there)));
      if (half) CHECK(!(co_await here->write_all(asio::buffer(part))).has_error());
      const auto answer = co_await read_all(*here);
      const auto took = std::chrono::steady_clock::now() - start;
      CHECK(answer.empty());
      CHECK(took >= 150ms);
      CHECK(took < 2s);
      CHECK(bridge.site.told == part);
      CHECK(!(co_await here->shutdown_write()).has_error());
      co_await bridge.tasks.join();
    });
}

TEST_CASE("a user's hello that comes in pieces gets in even though the cover site was asked meanwhile") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    const auto flight = co_await record_flight(io, "CONNECT late");
    auto [here, there] = test::memory_stream_pair(io.get_executor());
    bridge.tasks.spawn(bridge.take(std::move(there)));
    asio::steady_timer timer(io);
    for (std::size_t at = 0; at < flight.size(); at += 5) {
      const auto n = std::min<std::size_t>(5, flight.size() - at);
      CHECK(!(co_await here->write_all(asio::buffer(flight.data() + at, n))).has_error());
      if (at == 50 || at == 100) {
        timer.expires_after(80ms);
        co_await timer.async_wait(asio::use_awaitable);
      }
    }
    CHECK(!(co_await here->shutdown_write()).has_error());
    const auto answer = co_await read_all(*here);
    CHECK(answer.size() == flight.size());
    co_await bridge.tasks.join();
    // This site answers at once; that decides. Only about what a site is silent the bridge may change its
    // mind.
    CHECK(bridge.accepted.empty());
    CHECK(bridge.counters.strangers == 1);

    Bridge quiet(io, serve_impatience);
    auto [mine, its] = test::memory_stream_pair(io.get_executor());
    quiet.tasks.spawn(quiet.take(std::move(its)));
    for (std::size_t at = 0; at < flight.size(); at += 100) {
      const auto n = std::min<std::size_t>(100, flight.size() - at);
      CHECK(!(co_await mine->write_all(asio::buffer(flight.data() + at, n))).has_error());
      timer.expires_after(5ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_await quiet.tasks.join();
    REQUIRE(quiet.accepted.size() == 1);
    CHECK(quiet.site.connections == 1);
    co_await hear(*quiet.accepted[0].stream, "CONNECT late");
  });
}

TEST_CASE("a cover site that is down makes a host whose site is down; too many strangers are cut") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    Wire nowhere;
    auto acceptor = make_acceptor(bridge.options, bridge.users, *bridge.replays, nowhere, bridge.counters);
    auto [here, there] = test::memory_stream_pair(io.get_executor());
    co_await say(*here, "GET / HTTP/1.0\r\n\r\n");
    const auto accepted = co_await acceptor->accept(std::move(there));
    CHECK(accepted.error() == asio::error::connection_refused);
    std::array<char, 10> answer{};
    CHECK((co_await here->read_some(asio::buffer(answer))).error() == asio::error::connection_reset);
    CHECK(nowhere.dialled.size() == 1);

    bridge.options.max_covered = 0;
    bridge.restart();
    auto [mine, its] = test::memory_stream_pair(io.get_executor());
    co_await say(*mine, "GET / HTTP/1.0\r\n\r\n");
    CHECK((co_await bridge.acceptor->accept(std::move(its))).error() == Errc::limit);
    CHECK((co_await mine->read_some(asio::buffer(answer))).error() == asio::error::connection_reset);
  });
}

TEST_CASE("accept is cancelled in every stage") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Bridge bridge(io);
    const auto flight = co_await record_flight(io, "CONNECT");
    for (const std::size_t n : {std::size_t{0}, std::size_t{60}, std::size_t{2}}) {
      Bytes part(flight.begin(), flight.begin() + static_cast<std::ptrdiff_t>(n));
      if (n == 2) part[0] = 'G';
      auto [here, there] = test::memory_stream_pair(io.get_executor());
      CHECK(!(co_await here->write_all(asio::buffer(part))).has_error());
      const auto r = co_await with_timeout(100ms, bridge.acceptor->accept(std::move(there)));
      CHECK(r.error() == Errc::timed_out);
    }
  });
}

TEST_CASE("the replay set is exact between threads and across a restart") {
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  const auto file = std::filesystem::temp_directory_path() / ("surang-journal-" + std::to_string(getpid()));
  std::filesystem::remove(file);
  const auto name = [](int n) {
    std::array<std::uint8_t, 16> out{};
    for (std::size_t i = 0; i < 16; ++i)
      out[i] = static_cast<std::uint8_t>(n * 131 + static_cast<int>(i) * 7 + (n >> 8));
    return out;
  };
  {
    ReplaySet set(file);
    std::atomic<int> let_in{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 3000; ++i) let_in += set.insert(name(i), now, now);
      });
    for (auto& thread : threads) thread.join();
    std::set<std::array<std::uint8_t, 16>> distinct;
    for (int i = 0; i < 3000; ++i) distinct.insert(name(i));
    CHECK(let_in == static_cast<int>(distinct.size()));
    CHECK(set.size() == distinct.size());
  }
  {
    ReplaySet set(file);
    for (int i = 0; i < 3000; ++i) CHECK(!set.insert(name(i), now, now));
    std::array<std::uint8_t, 16> fresh{};
    fresh.fill(0xee);
    CHECK(set.insert(fresh, now - 60, now));  // minted before the restart, never used
    CHECK(!set.insert(fresh, now - 60, now));
  }
  {
    // A journal that cannot be trusted: nothing from before counts.
    std::ofstream(file, std::ios::trunc) << "something else";
    ReplaySet set(file);
    std::array<std::uint8_t, 16> fresh{};
    CHECK(!set.insert(fresh, now - 1, now));
    CHECK(set.insert(fresh, now + 1, now));
  }
  std::filesystem::remove(file);
  ReplaySet forgetful;
  CHECK(!forgetful.insert(name(1), now - 5, now));
  for (int i = 0; i < 5000; ++i) {
    std::array<std::uint8_t, 16> old{};
    std::memcpy(old.data(), &i, sizeof i);
    CHECK(forgetful.insert(old, now + i, now + i));
  }
  CHECK(forgetful.size() < 2000);  // what nobody can replay any more is gone
}

TEST_CASE("a transport that cannot be says why") {
  Wire wire;
  TransportSpec spec;
  BridgeIdentity bridge;
  std::string why;
  bridge.hosts.push_back("bridge.example");
  spec.name = "carrier-pigeon";
  CHECK(make_transport_dialer(spec, bridge, wire, why).error() == Errc::bad_input);
  CHECK(why == "this build has no transport 'carrier-pigeon'; it has: https");
  spec.name = "https";
  CHECK(!make_transport_dialer(spec, bridge, wire, why));
  CHECK(why == "https needs sni=, the name of the site the bridge shows to strangers");
  spec.params["sni"] = "192.0.2.1";
  CHECK(!make_transport_dialer(spec, bridge, wire, why));
  CHECK(why == "https: sni= must be a name, not an address");
  spec.params["sni"] = "exa mple";
  CHECK(!make_transport_dialer(spec, bridge, wire, why));
  spec.params["sni"] = "www.example.org";
  spec.params["alpn"] = "http/1.1";
  CHECK(!make_transport_dialer(spec, bridge, wire, why));
  spec.params["alpn"] = "h2";
  CHECK(make_transport_dialer(spec, bridge, wire, why).has_value());
  CHECK(transport_names() == std::vector<std::string_view>{"https"});
}
