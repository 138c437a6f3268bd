// Against a program we did not write: nghttpx as the proxy that our dialer speaks to, and as the client of
// our acceptor. Left out where nghttpx is not installed.
#include <doctest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/support/run.hpp"
#include "tests/support/tunnel_rig.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/tcp_stream.hpp"
#include "transports/tunnel/proof.hpp"

using namespace surang;
using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

constexpr const char* kNghttpx = "/usr/sbin/nghttpx";

std::uint16_t free_port(asio::io_context& io) {
  return tcp::acceptor(io, {asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
}

class Nghttpx {
 public:
  explicit Nghttpx(std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    REQUIRE(posix_spawn(&pid_, kNghttpx, nullptr, nullptr, argv.data(), environ) == 0);
  }
  ~Nghttpx() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
};

asio::awaitable<StreamPtr> connect_soon(std::uint16_t port) {
  const auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < 500; ++i) {
    tcp::socket socket(executor);
    error_code failed;
    co_await socket.async_connect({asio::ip::address_v4::loopback(), port},
                                  asio::redirect_error(asio::use_awaitable, failed));
    if (!failed) co_return make_tcp_stream(std::move(socket));
    co_await test::sleep_for(20ms);
  }
  FAIL("nghttpx does not listen");
  co_return nullptr;
}

// As much as there is until "\r\n\r\n".
asio::awaitable<std::string> read_head(Stream& stream) {
  std::string head;
  char byte;
  while (!head.ends_with("\r\n\r\n")) {
    const auto n = co_await stream.read_some(asio::buffer(&byte, 1));
    if (!n || *n == 0) break;
    head += byte;
  }
  co_return head;
}

// A plain HTTP/1.1 CONNECT proxy in front of an echo; nghttpx keeps its connection for the next request.
asio::awaitable<void> old_proxy(StreamPtr stream, std::string& asked) {
  for (;;) {
    const auto head = co_await read_head(*stream);
    if (head.empty()) co_return;
    asked += head;
    const bool good = head.starts_with("CONNECT echo.test");
    const std::string answer =
        good ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n";
    if (!co_await stream->write_all(asio::buffer(answer))) co_return;
    if (good) break;
  }
  char buffer[4096];
  for (;;) {
    const auto n = co_await stream->read_some(asio::buffer(buffer));
    if (!n || *n == 0) break;
    if (!co_await stream->write_all(asio::buffer(buffer, *n))) break;
  }
  (void)co_await stream->shutdown_write();
}

asio::awaitable<void> old_proxies(tcp::acceptor& acceptor, TaskGroup& tasks, std::string& asked) {
  for (;;) {
    auto socket = co_await acceptor.async_accept(asio::use_awaitable);
    tasks.spawn(old_proxy(make_tcp_stream(std::move(socket)), asked));
  }
}

struct PlainTransport final : TransportDialer {
  explicit PlainTransport(std::uint16_t p) : port(p) {}
  std::string_view name() const noexcept override { return "plain"; }
  asio::awaitable<Result<Authenticated>> connect() override {
    Authenticated made;
    made.stream = co_await connect_soon(port);
    co_return std::move(made);
  }
  std::uint16_t port;
};

asio::awaitable<void> say(Stream& to, const std::string& text) {
  (void)co_await to.write_all(asio::buffer(text));
}

// nghttpx does not pass a half-close on, so this ends by count.
asio::awaitable<void> echo_text(Stream& stream, std::size_t size) {
  std::string text(size, '\0'), got(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(test::pattern(i));
  TaskGroup writer(stream.executor());
  writer.spawn(say(stream, text));
  CHECK((co_await stream.read_exactly(asio::buffer(got))).has_value());
  CHECK(got == text);
  co_await writer.join();
}

asio::awaitable<void> serve_plain(tcp::acceptor& acceptor, test::Rig& rig, TaskGroup& tasks) {
  for (;;) {
    Authenticated peer;
    peer.stream = make_tcp_stream(co_await acceptor.async_accept(asio::use_awaitable));
    tasks.spawn([](Authenticated p, test::Rig& r) -> asio::awaitable<void> {
      (void)co_await tunnel::serve(std::move(p), r.user, r.egress, {}, r.counters, r.user_bytes, r.drain);
    }(std::move(peer), rig));
  }
}

}  // namespace

TEST_CASE("the dialer tunnels through nghttpx") {
  if (::access(kNghttpx, X_OK) != 0) return;
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    std::string asked;
    TaskGroup proxies(io.get_executor());
    proxies.spawn(old_proxies(acceptor, proxies, asked));
    const auto port = free_port(io);
    const Nghttpx nghttpx({kNghttpx, "--conf=/dev/null", "--http2-proxy", "--workers=1",
                           "--errorlog-file=/dev/null", "--accesslog-file=/dev/null",
                           "--frontend=127.0.0.1," + std::to_string(port) + ";no-tls",
                           "--backend=127.0.0.1," + std::to_string(acceptor.local_endpoint().port())});
    const auto sessions = tunnel::make_h2_dialer(std::make_unique<PlainTransport>(port), UserKey{});
    tunnel::TunnelDialer dialer(io.get_executor(), *sessions, {});
    CHECK((co_await dialer.check(10s)).has_value());
    {
      auto stream = co_await dialer.dial(Endpoint("echo.test", 443));
      REQUIRE(stream.has_value());
      co_await echo_text(**stream, 3'000'000);
      CHECK(asked.find("CONNECT echo.test:443 HTTP/1.1\r\n") != asked.npos);
      auto refused = co_await dialer.dial(Endpoint("other.test", 443));
      REQUIRE(refused.has_value());
      char byte;
      const auto n = co_await (*refused)->read_some(asio::buffer(&byte, 1));
      CHECK(n.error() == Errc::destination_unreachable);
    }
    co_await dialer.close();
    proxies.cancel();
    co_await proxies.join();
  });
}

TEST_CASE("the acceptor serves nghttpx") {
  if (::access(kNghttpx, X_OK) != 0) return;
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    test::Rig rig(io.get_executor());
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    TaskGroup serving(io.get_executor());
    serving.spawn(serve_plain(acceptor, rig, serving));
    const auto port = free_port(io);
    const Nghttpx nghttpx(
        {kNghttpx, "--conf=/dev/null", "--http2-proxy", "--workers=1", "--errorlog-file=/dev/null",
         "--accesslog-file=/dev/null", "--frontend=127.0.0.1," + std::to_string(port) + ";no-tls",
         "--backend=127.0.0.1," + std::to_string(acceptor.local_endpoint().port()) + ";;proto=h2",
         "--add-request-header=proxy-authorization: " + tunnel::make_proof(rig.user, {})});
    {
      auto stream = co_await connect_soon(port);
      const std::string request = "CONNECT echo.test:443 HTTP/1.1\r\nHost: echo.test:443\r\n\r\n";
      (void)co_await stream->write_all(asio::buffer(request));
      CHECK((co_await read_head(*stream)).starts_with("HTTP/1.1 200"));
      co_await echo_text(*stream, 200'000);
      auto refused = co_await connect_soon(port);
      const std::string other = "CONNECT refused.test:443 HTTP/1.1\r\nHost: refused.test:443\r\n\r\n";
      (void)co_await refused->write_all(asio::buffer(other));
      const auto head = co_await read_head(*refused);
      CHECK(head.starts_with("HTTP/1.1 502"));
      CHECK(head.find("connection_refused") != head.npos);
    }
    CHECK(rig.counters.refused_proof == 0);
    serving.cancel();
    co_await serving.join();
    co_await rig.close();
  });
}
