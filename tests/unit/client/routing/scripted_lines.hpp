// Lines between a browser, a site and a tunnel that freeze, narrow, lie or are cut as told, with real TLS at
// both ends over memory streams: what goodput_watch and bulk_proof are tried on.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "client/detection/bulk_proof.hpp"
#include "tests/support/tls_server.hpp"
#include "tests/unit/client/routing/scripted_world.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client::test {

inline constexpr std::size_t kPage = 100 * 1024;
inline constexpr auto kNames = "a.example,DNS:b.example,DNS:one.com,DNS:two.org,DNS:three.net";

// What lies between a site and whoever asks it.
struct Line {
  std::size_t freeze_at = SIZE_MAX;  // bytes from the site
  double rate = 0;                   // bytes a second; zero: any
  bool impostor = false;
  bool cut = false;  // leads nowhere
  std::size_t page = kPage;
  std::size_t front = 0;  // of the front page; zero: as any other
  bool by_name = false;   // freezes what says the name of the site in one record
};

class NarrowStream final : public Stream {
 public:
  NarrowStream(StreamPtr inner, Line line) : inner_(std::move(inner)), line_(line) {}
  asio::any_io_executor executor() override { return inner_->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    const auto n = inner_->try_read(into);
    if (n && *n > 9 && std::exchange(first_, false) && line_.by_name) {
      const auto* b = static_cast<const std::uint8_t*>(into.data());
      const bool cut = (b[3] << 8 | b[4]) < (b[6] << 16 | b[7] << 8 | b[8]) + 4;
      if (cut) line_.freeze_at = SIZE_MAX;
    }
    return n;
  }
  asio::awaitable<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    asio::steady_timer timer(executor());
    while (from.size() > 0) {
      const auto n = std::min({from.size(), std::size_t{1400}, line_.freeze_at - sent_});
      if (n == 0) {
        timer.expires_after(1h);
        co_await timer.async_wait(asio::use_awaitable);
      }
      if (line_.rate > 0) {
        timer.expires_after(std::chrono::duration_cast<Clock::duration>(
            std::chrono::duration<double>(static_cast<double>(n) / line_.rate)));
        co_await timer.async_wait(asio::use_awaitable);
      }
      const auto ok = co_await inner_->write_all(asio::buffer(from.data(), n));
      if (!ok) co_return ok;
      sent_ += n;
      from += n;
    }
    co_return Result<void>{};
  }
  asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
  void close(bool abort) noexcept override { inner_->close(abort); }

 private:
  StreamPtr inner_;
  Line line_;
  std::size_t sent_ = 0;
  bool first_ = true;
};

struct Lines {
  explicit Lines(World& w) : world(w), executor(w.executor()), tasks(executor) {
    site = surang::test::make_tls_server(kNames);
    false_site = surang::test::make_tls_server(kNames);
  }
  World& world;
  asio::any_io_executor executor;
  TaskGroup tasks;
  surang::test::TestServer site, false_site;
  Line direct, tunnel;
  int direct_dials = 0, tunnel_dials = 0;

  StreamPtr open(Line line) {
    auto [near, far] = surang::test::memory_stream_pair(executor, SIZE_MAX, 16 * 1024);
    tasks.spawn(serve(std::make_unique<NarrowStream>(std::move(far), line), line));
    return std::move(near);
  }
  asio::awaitable<void> serve(StreamPtr stream, Line line) {
    tls::SslPtr ssl(SSL_new((line.impostor ? false_site : site).context.get()), SSL_free);
    SSL_set_accept_state(ssl.get());
    auto secure = tls::TlsStream::make(std::move(stream), std::move(ssl));
    const auto ok = co_await secure->handshake();
    if (!ok) co_return;
    std::string input;
    std::array<char, 4096> block;
    for (;;) {
      const auto end = input.find("\r\n\r\n");
      if (end != input.npos) {
        const auto size = line.front > 0 && input.starts_with("GET / ") ? line.front : line.page;
        input.erase(0, end + 4);
        std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
        answer.append(size, 'x');
        const auto written = co_await secure->write_all(asio::buffer(answer));
        if (!written) co_return;
        continue;
      }
      const auto n = co_await secure->read_some(asio::buffer(block));
      if (!n || *n == 0) co_return;
      input.append(block.data(), *n);
    }
  }
};

struct LineConnector final : Connector {
  explicit LineConnector(Lines& l) : lines(l) {}
  Lines& lines;
  asio::awaitable<Result<StreamPtr>> connect(std::vector<asio::ip::address> addresses, std::uint16_t port,
                                             std::vector<ConnectAttempt>* attempts) override {
    ++lines.direct_dials;
    const error_code error = lines.direct.cut ? asio::error::connection_refused : error_code();
    if (attempts) attempts->push_back({{addresses.front(), port}, error, 1ms});
    if (error) co_return error;
    co_return lines.open(lines.direct);
  }
};

struct LineTunnel final : Dialer {
  explicit LineTunnel(Lines& l) : lines(l) {}
  Lines& lines;
  asio::awaitable<Result<StreamPtr>> dial(Endpoint) override {
    ++lines.tunnel_dials;
    if (lines.tunnel.cut) co_return make_error_code(Errc::no_route);
    co_return lines.open(lines.tunnel);
  }
};

struct Loaded {
  std::string way;
  std::size_t size = 0;
  error_code error;
  std::chrono::milliseconds took{};
};

// A browser: its own TLS over what the Router gives, and a page of it. The session in between is a loop here.
inline asio::awaitable<Loaded> load(Router& router, std::shared_ptr<SSL_CTX> trusts, std::string host,
                                    std::size_t most = kPage) {
  const auto begun = Clock::now();
  Loaded loaded;
  tls::SslPtr ssl(SSL_new(trusts.get()), SSL_free);
  SSL_set_connect_state(ssl.get());
  SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_connect(ssl.get());
  std::vector<std::uint8_t> hello(static_cast<std::size_t>(BIO_pending(out)));
  BIO_read(out, hello.data(), static_cast<int>(hello.size()));
  bool more = false;
  auto flight = classify_first_flight(std::move(hello), more);
  const Endpoint to(host, 443);
  auto opened = co_await router.open(to, std::move(flight), nullptr);
  const auto done = [&](error_code why) {
    loaded.error = why;
    loaded.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
    return loaded;
  };
  if (!opened) co_return done(opened.error());
  loaded.way = opened->way;
  auto secure =
      tls::TlsStream::make(std::move(opened->stream), std::move(ssl), {}, std::move(opened->first_answer));
  const auto shaken = co_await secure->handshake();
  if (!shaken) {
    secure->close();
    co_return done(shaken.error());
  }
  const std::string request =
      "GET /page HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: a browser of a test\r\n\r\n";
  const auto asked = co_await secure->write_all(asio::buffer(request));
  if (!asked) co_return done(asked.error());
  std::vector<char> block(16 * 1024);
  while (loaded.size < most) {
    const auto n = co_await secure->read_some(asio::buffer(block));
    if (!n || *n == 0) co_return done(n ? make_error_code(Errc::truncated) : n.error());
    loaded.size += *n;
  }
  co_return done({});
}

struct Trial {
  Lines& lines;
  Router& router;
  std::shared_ptr<SSL_CTX> trusts;
  asio::awaitable<Loaded> load(std::string host, std::size_t most = kPage) {
    return surang::client::test::load(router, trusts, std::move(host), most);
  }
  std::string signal() {
    const auto found = router.convictions();
    return found.empty() ? "" : std::string(found[0].as_object().at("signal").as_string());
  }
};

inline void with_lines(std::function<asio::awaitable<void>(Trial)> scenario,
                       config::ClientOptions options = quick_options(), bool with_tunnel = true) {
  const auto file = std::filesystem::temp_directory_path() / ("goodput_test." + std::to_string(::getpid()));
  const auto make = [&](asio::io_context& io) -> asio::awaitable<void> {
    World world(io.get_executor());
    Lines lines(world);
    LineTunnel tunnel(lines);
    std::ofstream(file) << lines.site.certificate_pem;
    options.extra_ca_file = file.string();
    auto parts = world.parts();
    parts.connector = std::make_unique<LineConnector>(lines);
    VerdictStore store({});
    Router router(io.get_executor(), options, with_tunnel ? &tunnel : nullptr, store, std::move(parts));
    const Trial trial{lines, router, surang::test::make_tls_client(lines.site.certificate_pem)};
    co_await scenario(trial);
    co_await router.stop();
    lines.tasks.cancel();
    co_await lines.tasks.join();
    co_await world.close();
  };
  surang::test::run(make, 120s);
  std::filesystem::remove(file);
}

}  // namespace surang::client::test
