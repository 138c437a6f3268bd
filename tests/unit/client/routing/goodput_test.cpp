// Direct connections that stand still, crawl or are answered by somebody else, through the whole Router:
// sites with real TLS behind a narrow line, directly and through a tunnel.
#include <doctest.h>
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

using namespace surang;
using namespace surang::client;
using namespace surang::client::test;
using surang::test::TestServer;

namespace {

constexpr std::size_t kPage = 100 * 1024;
constexpr auto kNames = "a.example,DNS:b.example,DNS:one.com,DNS:two.org,DNS:three.net";

// What lies between a site and whoever asks it.
struct Line {
  std::size_t freeze_at = SIZE_MAX;  // bytes from the site
  double rate = 0;                   // bytes a second; zero: any
  bool impostor = false;
  bool cut = false;  // leads nowhere
  std::size_t page = kPage;
};

class NarrowStream final : public Stream {
 public:
  NarrowStream(StreamPtr inner, Line line) : inner_(std::move(inner)), line_(line) {}
  asio::any_io_executor executor() override { return inner_->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override { return inner_->try_read(into); }
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
};

struct Lines {
  explicit Lines(World& w) : world(w), executor(w.executor()), tasks(executor) {
    site = surang::test::make_tls_server(kNames);
    false_site = surang::test::make_tls_server(kNames);
  }
  World& world;
  asio::any_io_executor executor;
  TaskGroup tasks;
  TestServer site, false_site;
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
        input.erase(0, end + 4);
        std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(line.page) + "\r\n\r\n";
        answer.append(line.page, 'x');
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
asio::awaitable<Loaded> load(Router& router, std::shared_ptr<SSL_CTX> trusts, std::string host) {
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
  while (loaded.size < kPage) {
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
  asio::awaitable<Loaded> load(std::string host) { return ::load(router, trusts, std::move(host)); }
  std::string signal() {
    const auto found = router.convictions();
    return found.empty() ? "" : std::string(found[0].as_object().at("signal").as_string());
  }
};

void with_lines(std::function<asio::awaitable<void>(Trial)> scenario,
                config::ClientOptions options = quick_options()) {
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
    Router router(io.get_executor(), options, &tunnel, store, std::move(parts));
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

}  // namespace

TEST_CASE("a page that stands still is cut, comes whole at the next try, and convicts until it is let") {
  auto options = quick_options();
  options.first_expiry = 6s;
  options.background_probes = true;
  with_lines(
      [](Trial t) -> asio::awaitable<void> {
        t.lines.direct.freeze_at = 16'000;
        const auto first = co_await t.load("a.example");
        CHECK(first.way == "direct");
        CHECK(first.error);
        CHECK(first.size < 16'000);
        CHECK(first.took < 4500ms);
        const auto second = co_await t.load("a.example");
        CHECK(second.way == "tunnel");
        CHECK(second.size >= kPage);
        const bool learnt = co_await until([&] { return t.signal() == "frozen"; });
        CHECK(learnt);
        t.lines.direct.freeze_at = SIZE_MAX;
        const bool acquitted = co_await until([&] { return t.router.convictions().empty(); });
        CHECK(acquitted);
        CHECK(t.router.why("a.example").at("text").as_string().find("works again") != std::string::npos);
      },
      options);
}

TEST_CASE("a ServerHello does not acquit a site that stands still") {
  auto options = quick_options();
  options.first_expiry = 6s;
  options.background_probes = true;
  with_lines(
      [](Trial t) -> asio::awaitable<void> {
        t.lines.direct.freeze_at = 16'000;
        (void)co_await t.load("a.example");
        const bool learnt = co_await until([&] { return t.signal() == "frozen"; });
        CHECK(learnt);
        const bool renewed = co_await until([&] {
          const auto why = t.router.why("a.example");
          return why.contains("step") && why.at("step").as_int64() == 1;
        });
        CHECK(renewed);
        CHECK(t.signal() == "frozen");
      },
      options);
}

TEST_CASE("a page that stands still by every way convicts nobody") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.freeze_at = t.lines.tunnel.freeze_at = 16'000;
    const auto first = co_await t.load("a.example");
    CHECK(first.error);
    const auto tunnelled = t.lines.tunnel_dials;
    const bool proved = co_await until([&] { return t.lines.tunnel_dials > tunnelled; });
    CHECK(proved);
    co_await rest(5s);
    CHECK(t.router.convictions().empty());
    CHECK(std::string(t.router.why("a.example").at("way").as_string()) == "direct");
  });
}

TEST_CASE("a connection that stands still while nothing answers anew is left alone") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.freeze_at = 16'000;
    std::optional<Loaded> loaded;
    TaskGroup browser(t.lines.executor);
    const auto visit = [](Trial trial, std::optional<Loaded>& into) -> asio::awaitable<void> {
      into = co_await trial.load("a.example");
    };
    browser.spawn(visit(t, loaded));
    co_await rest(500ms);
    t.lines.direct.cut = t.lines.tunnel.cut = true;
    co_await rest(4s);
    CHECK(!loaded);
    CHECK(t.router.convictions().empty());
    browser.cancel();
    co_await browser.join();
  });
}

TEST_CASE("a site that crawls directly and not by the tunnel is convicted") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    for (const auto* host : {"one.com", "two.org", "three.net"}) {
      const auto usual = co_await t.load(host);
      CHECK(!usual.error);
    }
    t.lines.direct.rate = 15e3;
    std::optional<Loaded> loaded;
    TaskGroup browser(t.lines.executor);
    const auto visit = [](Trial trial, std::optional<Loaded>& into) -> asio::awaitable<void> {
      into = co_await trial.load("a.example");
    };
    browser.spawn(visit(t, loaded));
    co_await rest(5s);
    const auto second = co_await t.load("a.example");
    CHECK(second.way == "tunnel");
    CHECK(second.size >= kPage);
    const bool learnt = co_await until([&] { return t.signal() == "throttled"; });
    CHECK(learnt);
    const bool ended = co_await until([&] { return loaded.has_value(); });
    CHECK(ended);
    CHECK(loaded->size >= kPage);  // it moved, and was let
    co_await browser.join();
  });
}

TEST_CASE("a site that crawls by every way is not convicted") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.rate = t.lines.tunnel.rate = 20e3;
    const auto first = co_await t.load("a.example");
    CHECK(!first.error);
    co_await rest(5s);
    CHECK(t.router.convictions().empty());
    const auto way = std::string(t.router.why("a.example").at("way").as_string());
    CHECK(way == "direct");
  });
}

TEST_CASE(
    "a certificate that the browser refuses here and the tunnel verifies convicts, and warns of others") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.impostor = true;
    const auto first = co_await t.load("a.example");
    CHECK(first.error);
    CHECK(first.way == "direct");
    const bool learnt = co_await until([&] { return t.signal() == "tls_certificate"; });
    CHECK(learnt);
    const auto second = co_await t.load("a.example");
    CHECK(!second.error);
    CHECK(second.way == "tunnel");
    const auto other = co_await t.load("b.example");
    CHECK(!other.error);
    CHECK(other.way == "tunnel");
  });
}

TEST_CASE("a certificate that is refused everywhere is the site's own") {
  with_lines([](Trial t) -> asio::awaitable<void> {
    t.lines.direct.impostor = t.lines.tunnel.impostor = true;
    const auto first = co_await t.load("a.example");
    CHECK(first.error);
    const bool looked = co_await until([&] { return t.lines.tunnel_dials > 0; });
    CHECK(looked);
    co_await rest(200ms);
    CHECK(t.router.convictions().empty());
  });
}

TEST_CASE("a proof brings 64 KB, or all that a small site gives") {
  const auto make = [](asio::io_context& io) -> asio::awaitable<void> {
    World world(io.get_executor());
    Lines lines(world);
    auto parts = world.parts();
    LineConnector connector(lines);
    AttemptTools tools;
    tools.names = parts.names.get();
    tools.connector = &connector;
    const Endpoint to("a.example", 443);
    const auto trusts = surang::test::make_tls_client(lines.site.certificate_pem);
    const RaceLimits limits;
    const auto prove = [&] {
      return bulk_proof(io.get_executor(), tools, limits, Way::direct, to, "a.example", trusts);
    };
    auto result = co_await prove();
    CHECK(result.complete);
    CHECK(result.bytes >= kCredit);
    CHECK(result.bytes < kCredit + 40'000);
    lines.direct.page = 500;
    result = co_await prove();
    CHECK(result.complete);
    CHECK(result.bytes > 16 * 500);
    CHECK(lines.direct_dials == 2);
    lines.direct.page = kPage;
    lines.direct.freeze_at = 20'000;
    result = co_await prove();
    CHECK(!result.complete);
    CHECK(result.stalled);
    CHECK(result.bytes == 20'000);
    lines.direct = {};
    lines.direct.impostor = true;
    result = co_await prove();
    CHECK(result.error == Errc::certificate);
    lines.direct.cut = true;
    result = co_await prove();
    CHECK(result.error);
    CHECK(result.bytes == 0);
    lines.tasks.cancel();
    co_await lines.tasks.join();
    co_await world.close();
  };
  surang::test::run(make);
}
