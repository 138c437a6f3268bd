// The real local port on a thread of its own, an outbound that dials directly, and a small HTTP origin, for
// tests that drive them with curl and raw sockets.
#pragma once

#include <doctest.h>

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdio>
#include <functional>
#include <future>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "client/inbound/local_listener.hpp"
#include "client/session.hpp"
#include "transports/core/wrapping_flow.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"
#include "transports/tcp/tcp_stream.hpp"
#include "transports/udp/udp_flow.hpp"

namespace surang::test {

using asio::ip::tcp;

struct Command {
  int status = -1;
  std::string out;
};

/// Runs a shell command with a time limit and gives what it wrote.
inline Command shell(const std::string& command) {
  Command result;
  FILE* pipe = ::popen(("timeout 30 " + command + " 2>&1").c_str(), "r");
  REQUIRE(pipe);
  std::array<char, 4096> block;
  while (const auto n = std::fread(block.data(), 1, block.size(), pipe)) result.out.append(block.data(), n);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

/// A blocking connection for saying exactly what a test wants to say.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(io_) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    const timeval limit{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  void say(std::string_view text) { asio::write(socket_, asio::buffer(text)); }
  void end() { socket_.shutdown(tcp::socket::shutdown_send); }
  void abort() {  // with a reset
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
  }
  std::string hear(std::size_t n) {
    std::string got(n, '\0');
    error_code ec;
    got.resize(asio::read(socket_, asio::buffer(got), ec));
    error = ec;
    return got;
  }
  std::string hear_until(std::string_view end) {
    std::string got;
    while (!got.ends_with(end)) {
      const auto more = hear(1);
      if (more.empty()) break;
      got += more;
    }
    return got;
  }
  std::string hear_all() { return hear(1 << 20); }
  error_code error;

 private:
  asio::io_context io_;
  tcp::socket socket_;
};

/// Waits up to ten seconds for it.
inline bool becomes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

/// A site: one blocking thread per connection.
class Origin {
 public:
  Origin() : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    port = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] { accept(); });
  }
  ~Origin() {
    stopping_ = true;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
    for (auto& c : connections_) {
      ::shutdown(c.socket.native_handle(), SHUT_RDWR);
      c.thread.join();
    }
  }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port) + path; }

  std::uint16_t port = 0;
  std::atomic<int> connections{0}, requests{0}, posts{0};
  std::atomic<int> farewells{0};  // connections whose direction we have ended
  std::string last_head() {
    const std::lock_guard lock(mutex_);
    return last_head_;
  }

 private:
  struct Connection {
    tcp::socket socket;
    std::thread thread{};
  };

  void accept() {
    while (!stopping_) {
      error_code ec;
      tcp::socket socket(io_);
      acceptor_.accept(socket, ec);
      if (ec || stopping_) return;
      ++connections;
      auto& c = connections_.emplace_back(Connection{std::move(socket)});
      c.thread = std::thread([this, &c] { serve(c.socket); });
    }
  }

  void serve(tcp::socket& socket) {
    namespace http = boost::beast::http;
    boost::beast::flat_buffer buffer;
    error_code ec;
    for (bool more = true; more && !ec;) {
      http::request_parser<http::string_body> parser;
      parser.body_limit(boost::none);
      http::read_header(socket, buffer, parser, ec);
      if (ec) break;
      if (parser.get()[http::field::expect] == "100-continue") say(socket, "HTTP/1.1 100 Continue\r\n\r\n");
      if (parser.get().target() == "/refuse") {
        say(socket, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno\n");
        return finish(socket);
      }
      http::read(socket, buffer, parser, ec);
      if (ec) break;
      more = answer(socket, parser.release());
    }
    finish(socket);
  }

  template <class Request>
  bool answer(tcp::socket& socket, Request request) {
    ++requests;
    if (request.method_string() == "POST") ++posts;
    const std::string target(request.target());
    {
      const std::lock_guard lock(mutex_);
      std::ostringstream head;
      head << request.base();
      last_head_ = head.str();
    }
    if (target == "/chunked") {
      say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
      say(socket, "1\r\n!\r\n0\r\n\r\n");
      return true;
    }
    if (target == "/until-close") {
      say(socket, "HTTP/1.0 200 OK\r\n\r\nto the end");
      return false;
    }
    if (target == "/truncated") {
      say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      return false;
    }
    if (target == "/leaves") {  // closes without having said so
      say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      return false;
    }
    if (target == "/nothing") return false;
    if (target == "/silence") {
      char byte;
      error_code ec;
      asio::read(socket, asio::buffer(&byte, 1), ec);  // until the proxy leaves
      return false;
    }
    if (target == "/drip") {
      say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n");
      for (int i = 0; i < 20; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        say(socket, "d");
      }
      return true;
    }
    if (target == "/nonsense") {
      say(socket, "SSH-2.0-OpenSSH_9.2\r\n");
      return false;
    }
    if (target == "/switch") {
      say(socket, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nfirst,");
      std::array<char, 64> block;
      error_code ec;
      while (const auto n = socket.read_some(asio::buffer(block), ec)) {
        if (ec) break;
        say(socket, {block.data(), n});
      }
      return false;
    }
    std::string body = "hello\n";
    if (target == "/echo") body = request.body();
    if (target == "/big") body.assign(20'000'000, 'x');
    say(socket, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                    (request.method_string() == "HEAD" ? "" : body));
    return true;
  }

  static void say(tcp::socket& socket, std::string_view text) {
    error_code ignored;
    asio::write(socket, asio::buffer(text), ignored);
  }
  void finish(tcp::socket& socket) {
    error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    ++farewells;
  }

  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  std::list<Connection> connections_;
  std::mutex mutex_;
  std::string last_head_;
};

/// Everything goes directly, datagrams, too; "hang.test" never opens, "never.test" is forbidden. "gone.test"
/// has its datagrams by a tunnel that does not exist, "blocked.com" by one where it is at 127.0.0.2.
class DirectOutbound : public client::Outbound {
 public:
  asio::awaitable<Result<client::OpenedConnection>> open(Endpoint to, client::FirstFlight flight,
                                                         std::shared_ptr<client::HeadStart>) override {
    ++opens;
    last_kind = flight.kind;
    if (to.host() == "hang.test") {
      struct Note {
        std::atomic<bool>& set;
        ~Note() { set = true; }
      } note{cancelled};
      asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
      co_await timer.async_wait(asio::use_awaitable);
    }
    auto stream = co_await dialer_.dial(to);
    if (!stream) co_return stream.error();
    const auto sent = co_await (*stream)->write_all(asio::buffer(flight.bytes));
    if (!sent) co_return sent.error();
    client::OpenedConnection opened;
    opened.stream = std::move(*stream);
    opened.way = "direct";
    co_return std::move(opened);
  }
  error_code refuses(const Endpoint& to) const override {
    return to.host() == "never.test" ? make_error_code(Errc::destination_denied) : error_code{};
  }

  DatagramWay datagram_way(const Endpoint& to, const std::string& site) override {
    if (refuses(to)) return DatagramWay::refused;
    const bool tunnelled = site == "gone.test" || site == "blocked.com";
    return tunnelled ? DatagramWay::tunnel : DatagramWay::direct;
  }
  asio::awaitable<Result<DatagramFlowPtr>> open_datagrams(DatagramWay way) override {
    if (way == DatagramWay::tunnel) {
      auto flow = make_udp_flow(co_await asio::this_coro::executor, std::make_shared<FarNames>());
      co_return std::make_unique<CutFlow>(std::move(flow), cut_flows);
    }
    co_return make_udp_flow(co_await asio::this_coro::executor, resolver_);
  }

  std::atomic<bool> cut_flows{false};  ///< the tunnel's end with the next datagram
  std::atomic<int> opens{0};
  std::atomic<bool> cancelled{false};
  std::atomic<client::FirstFlight::Kind> last_kind{};

 private:
  class CutFlow final : public WrappingFlow {
   public:
    CutFlow(DatagramFlowPtr inner, const std::atomic<bool>& cut)
        : WrappingFlow(std::move(inner)), cut_(cut) {}
    void send(const Endpoint& to, std::span<const std::uint8_t> payload) override {
      if (cut_) return close();
      WrappingFlow::send(to, payload);
    }

   private:
    const std::atomic<bool>& cut_;
  };
  struct FarNames : Resolver {
    asio::awaitable<Result<std::vector<asio::ip::address>>> resolve(std::string host) override {
      if (host != "blocked.com") co_return make_error_code(Errc::name_not_found);
      co_return std::vector<asio::ip::address>{asio::ip::make_address("127.0.0.2")};
    }
  };
  const std::shared_ptr<Resolver> resolver_ = std::make_shared<SystemResolver>();
  TcpDialer dialer_{*resolver_, {}};
};

class Proxy {
 public:
  Proxy() : Proxy(client::SessionOptions{}) {}
  explicit Proxy(client::Credentials credentials) : Proxy(with(std::move(credentials))) {}
  explicit Proxy(client::SessionOptions options) {
    context_.options = std::make_shared<const client::SessionOptions>(std::move(options));
    std::string why;
    REQUIRE_MESSAGE(listener_.open({asio::ip::address_v4::loopback(), 0}, why), why);
    port = listener_.local().port();
    guard_.own(port);
    asio::co_spawn(io_,
                   listener_.run(sessions_,
                                 [this](tcp::socket socket, TaskGroup::Task task) {
                                   return client::serve_browser(std::move(socket), context_, task);
                                 }),
                   asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Proxy() {
    std::promise<void> gone;
    asio::post(io_, [&] {
      listener_.close();
      sessions_.cancel();
      asio::co_spawn(io_, sessions_.join(), [&](std::exception_ptr) { gone.set_value(); });
    });
    CHECK(gone.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    io_.stop();
    thread_.join();
  }
  std::string at() const { return "127.0.0.1:" + std::to_string(port); }

  std::uint16_t port = 0;
  DirectOutbound outbound;

 private:
  static client::SessionOptions with(client::Credentials credentials) {
    client::SessionOptions options;
    options.credentials = std::move(credentials);
    return options;
  }

  asio::io_context io_{1};
  client::SelfGuard guard_{io_.get_executor()};
  client::SessionContext context_{outbound, guard_, nullptr, {}};
  TaskGroup sessions_{io_.get_executor()};
  client::LocalListener listener_{io_.get_executor()};
  std::thread thread_;
};

}  // namespace surang::test
