// A client's session by TLS and HTTP/2 to an edge that may die at any byte, and what comes out at the bridge.
#include "transports/fronted/edge_carrier.hpp"

#include "tests/support/tls_server.hpp"
#include "tests/unit/transports/fronted/origin_rig.hpp"
#include "transports/core/wrapping_stream.hpp"
#include "transports/fronted/channel.hpp"
#include "transports/fronted/http2_server.hpp"
#include "transports/tls/tls_stream.hpp"

using namespace surang;
using namespace surang::fronted;
using namespace surang::fronted::rig;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kFront = "front.example";

// A connection that breaks after so many bytes of the edge's have been read.
class Brittle final : public WrappingStream {
 public:
  Brittle(StreamPtr inner, std::size_t life) : WrappingStream(std::move(inner)), life_(life) {}
  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (life_ == 0) {
      inner_->close(true);
      return error_code(asio::error::connection_reset);
    }
    auto n = inner_->try_read(asio::buffer(into, life_));
    if (n) life_ -= *n;
    return n;
  }

 private:
  std::size_t life_;
};

// Dials an edge that serves the rig's origin itself, by HTTP/2 in TLS.
class EdgeDialer final : public Dialer {
 public:
  EdgeDialer(asio::io_context& io, Rig& rig)
      : executor_(io.get_executor()), rig_(rig), tls_(test::make_tls_server(std::string(kFront))) {}

  asio::awaitable<Result<StreamPtr>> dial(Endpoint) override {
    ++dials;
    auto [near, far] = test::memory_stream_pair(executor_);
    rig_.tasks.spawn(serve(std::move(far)));
    co_return std::make_unique<Brittle>(std::move(near), life ? life() : SIZE_MAX);
  }

  Front front() const {
    Front out;
    out.host = "bridge.example";
    out.sni = out.verified = kFront;
    out.addresses = {"192.0.2.1"};
    return out;
  }
  std::shared_ptr<SSL_CTX> context() const { return test::make_tls_client(tls_.certificate_pem); }

  std::function<std::size_t()> life;
  int dials = 0;

 private:
  asio::awaitable<void> serve(StreamPtr raw) {
    tls::SslPtr ssl(SSL_new(tls_.context.get()), SSL_free);
    SSL_set_accept_state(ssl.get());
    auto stream = tls::TlsStream::make(std::move(raw), std::move(ssl));
    const auto done = co_await stream->handshake();
    if (!done) co_return;
    co_await serve_http2(std::move(stream), [this](Exchange& e) { return rig_.origin.serve(e); });
  }

  asio::any_io_executor executor_;
  Rig& rig_;
  test::TestServer tls_;
};

asio::awaitable<void> answer_as_bridge(StreamPtr raw, SessionName name) {
  const auto keys = noise::Keypair::of(test::counting<32>(0x77));
  auto met = co_await accept_channel(std::move(raw), user(), keys, name);
  if (met) co_await test::echo(*met->stream);
}

struct Ends {
  explicit Ends(asio::io_context& io, OriginLimits limits = {})
      : rig(io, limits),
        dialer(io, rig),
        edge(io.get_executor(), dialer, dialer.context(), dialer.front()),
        session(std::make_shared<Session>(io.get_executor(), SessionLimits())),
        carrier(io.get_executor(), edge, user(), name, session) {}
  SessionName name = Rig::name();
  Rig rig;
  EdgeDialer dialer;
  Edge edge;
  std::shared_ptr<Session> session;
  EdgeCarrier carrier;
};

asio::awaitable<void> end(Ends& ends, TaskGroup& tasks) {
  co_await tasks.join();
  co_await ends.edge.close();
  ends.rig.tasks.cancel();
  co_await ends.rig.tasks.join();
}

// There and back by the bridge's echo, to the end of both directions.
asio::awaitable<void> say_and_hear(asio::io_context& io, Ends& ends, std::size_t size) {
  TaskGroup tasks(io.get_executor());
  auto stream = make_stream(ends.session);
  tasks.spawn(ends.carrier.run());
  const auto text = test::random_text(size);
  tasks.spawn(test::say(*stream, text, 70000));
  const auto heard = co_await test::read_to_end(*stream);
  CHECK(heard.size() == text.size());
  CHECK((heard == text));
  stream.reset();
  co_await end(ends, tasks);
}

}  // namespace

TEST_CASE("a session goes by an edge, both ways, to its end on both sides") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    co_await say_and_hear(io, ends, 3000000);
    CHECK(ends.dialer.dials == 1);
    CHECK(ends.rig.origin.sessions() == 0);
  });
}

TEST_CASE("an edge that dies at any byte loses nothing and doubles nothing") {
  // The least that gets through is one record of TLS.
  for (const std::size_t mean : {std::size_t{20000}, std::size_t{100000}})
    test::run([mean](asio::io_context& io) -> asio::awaitable<void> {
      Ends ends(io);
      std::uint32_t seed = 5;
      ends.dialer.life = [&] { return 3000 + (seed = seed * 1664525 + 1013904223) / 7 % (2 * mean); };
      co_await say_and_hear(io, ends, 20 * mean);
      CHECK(ends.dialer.dials > 5);
    });
}

TEST_CASE("answers that end early are asked on, whatever their size") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    OriginLimits limits;
    limits.answer_bytes = 30000;
    Ends ends(io, limits);
    co_await say_and_hear(io, ends, 1000000);
  });
}

TEST_CASE("a stream that is closed before its end abandons the session at the bridge") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    TaskGroup tasks(io.get_executor());
    auto stream = make_stream(ends.session);
    tasks.spawn(ends.carrier.run());
    co_await test::put(*stream, "hello");
    std::string part(5, '\0');
    const auto got = co_await stream->read_exactly(asio::buffer(part));
    CHECK(got.has_value());
    CHECK(ends.rig.origin.sessions() == 1);
    stream.reset();
    co_await end(ends, tasks);
    CHECK(ends.rig.origin.sessions() == 0);
  });
}

TEST_CASE("a bridge that does not know the session breaks it at once") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    ends.rig.users.removed = true;
    TaskGroup tasks(io.get_executor());
    auto stream = make_stream(ends.session);
    tasks.spawn(ends.carrier.run());
    const auto heard = co_await test::read_to_end(*stream);
    CHECK(ends.session->failure() == Errc::no_route);
    CHECK(heard.starts_with("|"));
    stream.reset();
    co_await end(ends, tasks);
  });
}

TEST_CASE("client and bridge meet in a session, through everything") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Ends ends(io);
    ends.rig.serve = [&](StreamPtr raw) { return answer_as_bridge(std::move(raw), ends.name); };
    TaskGroup tasks(io.get_executor());
    tasks.spawn(ends.carrier.run());
    const auto bridge = noise::Keypair::of(test::counting<32>(0x77)).public_key;
    auto met = co_await connect_channel(make_stream(ends.session), user(), bridge, ends.name);
    REQUIRE(met.has_value());
    const auto text = test::random_text(1000000);
    tasks.spawn(test::say(*met->stream, text, 70000));
    const auto heard = co_await test::read_to_end(*met->stream);
    CHECK(heard.size() == text.size());
    CHECK((heard == text));
    met->stream.reset();
    co_await end(ends, tasks);
  });
}
