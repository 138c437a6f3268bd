// DNS over HTTPS against a real TLS and HTTP/2 server in memory.
#include <doctest.h>
#include <nghttp2/nghttp2.h>

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>

#include "client/dns/doh.hpp"
#include "client/dns/doh_http1.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tls_server.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tls/tls_stream.hpp"

using namespace surang;
using namespace surang::client;
using namespace std::chrono_literals;

namespace {

DnsBytes reply_to(const DnsBytes& query, bool no_such_name) {
  DnsBytes r(query.begin(), query.end() - 11);
  const bool a = r[r.size() - 3] == 1;
  r[2] = 0x81;
  r[3] = static_cast<std::uint8_t>(no_such_name ? 0x83 : 0x80);
  r[11] = 0;
  if (a && !no_such_name) {
    r[7] = 1;
    for (const int b : {0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 93, 184, 7, 7})
      r.push_back(static_cast<std::uint8_t>(b));
  }
  return r;
}

struct H2Server {
  std::map<std::int32_t, DnsBytes> bodies, answers;
  bool no_such_name = false, mute = false;
  int answers_left = 1'000'000;  // before it falls silent
  int status = 200;
};

ssize_t give(nghttp2_session*, std::int32_t stream, std::uint8_t* into, std::size_t room,
             std::uint32_t* flags, nghttp2_data_source*, void* user) {
  auto& answer = static_cast<H2Server*>(user)->answers[stream];
  const auto n = std::min(room, answer.size());
  std::copy_n(answer.begin(), n, into);
  answer.erase(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(n));
  if (answer.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(n);
}

asio::awaitable<void> serve_h2(std::shared_ptr<Stream> stream, H2Server server) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t n,
                    void* user) {
        auto& body = static_cast<H2Server*>(user)->bodies[id];
        body.insert(body.end(), data, data + n);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        auto& self = *static_cast<H2Server*>(user);
        if (frame->hd.type != NGHTTP2_DATA || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
        if (self.mute || self.answers_left-- <= 0) return 0;
        const auto id = frame->hd.stream_id;
        self.answers[id] = reply_to(self.bodies[id], self.no_such_name);
        std::string name = ":status", value = std::to_string(self.status);
        nghttp2_nv header{reinterpret_cast<std::uint8_t*>(name.data()),
                          reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                          NGHTTP2_NV_FLAG_NONE};
        nghttp2_data_provider body{};
        body.read_callback = give;
        nghttp2_submit_response(session, id, &header, 1, &body);
        return 0;
      });
  nghttp2_session* session = nullptr;
  nghttp2_session_server_new(&session, callbacks, &server);
  nghttp2_session_callbacks_del(callbacks);
  const std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)> owner(session, nghttp2_session_del);
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
  std::array<std::uint8_t, 4096> block;
  for (;;) {
    const std::uint8_t* bytes = nullptr;
    for (auto n = nghttp2_session_mem_send(session, &bytes); n > 0;
         n = nghttp2_session_mem_send(session, &bytes))
      (void)co_await stream->write_all(asio::buffer(bytes, static_cast<std::size_t>(n)));
    const auto n = co_await stream->read_some(asio::buffer(block));
    if (!n || *n == 0) co_return;
    if (nghttp2_session_mem_recv(session, block.data(), *n) < 0) co_return;
  }
}

asio::awaitable<void> serve_tls_h2(StreamPtr raw, std::shared_ptr<SSL_CTX> context, H2Server server) {
  tls::SslPtr ssl(SSL_new(context.get()), SSL_free);
  SSL_set_accept_state(ssl.get());
  std::shared_ptr<tls::TlsStream> stream = tls::TlsStream::make(std::move(raw), std::move(ssl));
  const auto done = co_await stream->handshake();
  if (done) co_await serve_h2(stream, server);
}

// Providers by address: "1.1.1.1" answers, "2.2.2.2" never connects, "3.3.3.3" refuses, "4.4.4.4" is an
// impostor.
class Providers : public Dialer {
 public:
  Providers(asio::any_io_executor e, std::shared_ptr<SSL_CTX> context, std::shared_ptr<SSL_CTX> impostor)
      : executor_(e), context_(std::move(context)), impostor_(std::move(impostor)), tasks(e) {}
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override {
    ++dials[to.host()];
    if (to.host() == "2.2.2.2") {
      asio::steady_timer never(executor_, 1h);
      co_await never.async_wait(asio::use_awaitable);
    }
    if (to.host() == "3.3.3.3") co_return error_code(asio::error::connection_refused);
    auto [near, far] = surang::test::memory_stream_pair(executor_);
    tasks.spawn(serve_tls_h2(std::move(far), to.host() == "4.4.4.4" ? impostor_ : context_, server));
    co_return std::move(near);
  }
  H2Server server;
  std::map<std::string, int> dials;

 private:
  asio::any_io_executor executor_;
  std::shared_ptr<SSL_CTX> context_, impostor_;

 public:
  TaskGroup tasks;
};

DohOptions providers_at(std::vector<const char*> addresses) {
  DohOptions options;
  options.stagger = 50ms;
  options.limit = 1s;
  for (const auto* a : addresses) {
    config::DohServer server;
    server.host = "dns.example";
    server.addresses = {a};
    options.servers.push_back(server);
  }
  return options;
}

}  // namespace

TEST_CASE(
    "DNS over HTTPS asks several providers, believes certificates, and goes through the tunnel if it must") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto good = surang::test::make_tls_server("dns.example");
    const auto bad = surang::test::make_tls_server("dns.example");
    const auto client = surang::test::make_tls_client(good.certificate_pem);
    Providers direct(io.get_executor(), good.context, bad.context);
    Providers tunnel(io.get_executor(), good.context, bad.context);
    const auto truth = asio::ip::make_address("93.184.7.7");
    {
      auto patient = providers_at({"1.1.1.1", "2.2.2.2"});
      patient.stagger = patient.limit = 30s;
      Doh doh(io.get_executor(), patient, client, direct, &tunnel);
      const auto answer = co_await doh.resolve("x.example", nullptr);
      REQUIRE(answer.has_value());
      CHECK(answer->addresses == std::vector{truth});
      CHECK(answer->ttl == 60s);
      CHECK(direct.dials.size() == 1);
    }
    {
      Doh doh(io.get_executor(), providers_at({"2.2.2.2", "3.3.3.3", "4.4.4.4", "1.1.1.1"}), client, direct,
              nullptr);
      const auto answer = co_await doh.resolve("x.example", nullptr);
      REQUIRE(answer.has_value());
      CHECK(answer->addresses.size() == 1);
    }
    {
      Doh doh(io.get_executor(), providers_at({"3.3.3.3", "4.4.4.4"}), client, direct, nullptr);
      CHECK((co_await doh.resolve("x.example", nullptr)).error() == Errc::timed_out);
    }
    {
      Doh doh(io.get_executor(), providers_at({"2.2.2.2"}), client, direct, &tunnel);
      CHECK((co_await doh.resolve("x.example", nullptr)).has_error());
      CHECK(tunnel.dials["2.2.2.2"] == 1);
    }
    {
      direct.server.no_such_name = true;
      Doh doh(io.get_executor(), providers_at({"1.1.1.1"}), client, direct, nullptr);
      CHECK((co_await doh.resolve("typo.example", nullptr)).error() == Errc::name_not_found);
      direct.server.no_such_name = false;
      direct.server.status = 500;
      CHECK((co_await doh.resolve("x.example", nullptr)).has_error());
    }
    for (auto* p : {&direct, &tunnel}) {
      p->tasks.cancel();
      co_await p->tasks.join();
    }
  });
}

TEST_CASE("names share a connection to a provider, and its dial") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto good = surang::test::make_tls_server("dns.example");
    const auto client = surang::test::make_tls_client(good.certificate_pem);
    Providers direct(io.get_executor(), good.context, good.context);
    auto options = providers_at({"1.1.1.1"});
    options.idle = 300ms;
    Doh doh(io.get_executor(), options, client, direct, nullptr);
    int answered = 0;
    const auto ask = [](Doh& by, std::string name, int& count) -> asio::awaitable<void> {
      const auto answer = co_await by.resolve(std::move(name), nullptr);
      count += answer.has_value();
    };
    {
      TaskGroup askers(io.get_executor());
      for (int i = 0; i < 20; ++i) askers.spawn(ask(doh, "x" + std::to_string(i) + ".example", answered));
      co_await askers.join();
    }
    CHECK(answered == 20);
    CHECK(direct.dials["1.1.1.1"] == 1);
    co_await ask(doh, "later.example", answered);
    CHECK(answered == 21);
    CHECK(direct.dials["1.1.1.1"] == 1);

    // The provider has ended it.
    direct.tasks.cancel();
    co_await direct.tasks.join();
    co_await ask(doh, "after.example", answered);
    CHECK(answered == 22);
    CHECK(direct.dials["1.1.1.1"] == 2);

    // It is not kept for nothing.
    asio::steady_timer timer(io, 500ms);
    co_await timer.async_wait(asio::use_awaitable);
    CHECK(direct.tasks.size() == 0);
    co_await ask(doh, "idle.example", answered);
    CHECK(direct.dials["1.1.1.1"] == 3);

    // Nor beyond a change of network.
    doh.forget();
    co_await ask(doh, "moved.example", answered);
    CHECK(answered == 24);
    CHECK(direct.dials["1.1.1.1"] == 4);

    // One that has died without a word.
    direct.server.mute = true;
    doh.forget();
    CHECK((co_await doh.resolve("mute.example", nullptr)).has_error());
    doh.forget();
    co_await direct.tasks.join();
  });
}

TEST_CASE("a kept connection that has died is replaced within the question") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto good = surang::test::make_tls_server("dns.example");
    const auto client = surang::test::make_tls_client(good.certificate_pem);
    Providers direct(io.get_executor(), good.context, good.context);
    auto options = providers_at({"1.1.1.1"});
    options.limit = 6s;
    Doh doh(io.get_executor(), options, client, direct, nullptr);
    direct.server.answers_left = 2;  // the two questions of one name
    CHECK((co_await doh.resolve("x.example", nullptr)).has_value());
    CHECK((co_await doh.resolve("y.example", nullptr)).has_value());
    CHECK(direct.dials["1.1.1.1"] == 2);
    doh.forget();
    co_await direct.tasks.join();
  });
}

TEST_CASE("DNS over HTTP/1.1 as well, however it is cut") {
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{SIZE_MAX}})
    surang::test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      auto [near, far] = surang::test::memory_stream_pair(io.get_executor(), chunk);
      const auto query = make_dns_query("x.example", RecordType::a, 0);
      const auto answer = reply_to(query, false);
      std::string text = "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: " +
                         std::to_string(answer.size()) + "\r\n\r\n";
      text.append(answer.begin(), answer.end());
      const auto twice = text + text;
      CHECK((co_await far->write_all(asio::buffer(twice))).has_value());
      std::vector<DnsBytes> queries{query, query};
      const auto got = co_await doh_over_http1(*near, "dns.example", "/dns-query", queries);
      REQUIRE(got.has_value());
      CHECK(got->size() == 2);
      CHECK((*got)[1] == answer);
      std::string refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
      CHECK((co_await far->write_all(asio::buffer(refused))).has_value());
      std::vector<DnsBytes> one{query};
      CHECK((co_await doh_over_http1(*near, "dns.example", "/dns-query", one)).error() == Errc::protocol);
    });
}
