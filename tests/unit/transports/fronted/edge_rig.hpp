// A client's session by TLS and HTTP/2 to an edge in memory, that may die at any byte, and the bridge behind
// it.
#pragma once

#include "tests/support/tls_server.hpp"
#include "tests/unit/transports/fronted/edge_manners.hpp"
#include "transports/core/wrapping_stream.hpp"
#include "transports/fronted/edge_carrier.hpp"
#include "transports/fronted/http2_server.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::fronted::rig {

inline constexpr std::string_view kFront = "front.example";

// A connection that breaks after so many bytes of the edge's have been read, or at the next one that comes
// while the edge is away.
class Brittle final : public WrappingStream {
 public:
  Brittle(StreamPtr inner, std::size_t life, const bool& away)
      : WrappingStream(std::move(inner)), life_(life), away_(away) {}
  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (away_) life_ = 0;
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
  const bool& away_;
};

// Dials an edge that serves the rig's origin itself, by HTTP/2 in TLS.
class EdgeDialer final : public Dialer {
 public:
  EdgeDialer(asio::io_context& io, Rig& rig)
      : executor_(io.get_executor()), rig_(rig), tls_(test::make_tls_server(std::string(kFront))) {}

  asio::awaitable<Result<StreamPtr>> dial(Endpoint) override {
    if (away) co_return error_code(asio::error::connection_refused);
    ++dials;
    reached_at = std::chrono::steady_clock::now();
    auto [near, far] = test::memory_stream_pair(executor_);
    rig_.tasks.spawn(serve(std::move(far)));
    if (distance > std::chrono::milliseconds(0))
      near = at_a_distance(std::move(near), distance, uplink, rig_.tasks);
    co_return std::make_unique<Brittle>(std::move(near), life ? life() : SIZE_MAX, away);
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
  std::chrono::milliseconds distance{0};  ///< half a round trip
  std::size_t uplink = 0;                 ///< bytes a second; 0: any number
  Manners manners;
  Counts counts;
  bool away = false;
  int dials = 0;
  std::chrono::steady_clock::time_point reached_at;  ///< the last time

 private:
  asio::awaitable<void> serve(StreamPtr raw) {
    tls::SslPtr ssl(SSL_new(tls_.context.get()), SSL_free);
    SSL_set_accept_state(ssl.get());
    const auto wire = raw.get();
    auto stream = tls::TlsStream::make(std::move(raw), std::move(ssl));
    const auto done = co_await stream->handshake();
    if (!done) co_return;
    co_await serve_http2(std::move(stream), [this, wire](Exchange& e) {
      return pass_on(e, manners, counts, rig_.origin, executor_, [wire] { wire->close(true); });
    });
  }

  asio::any_io_executor executor_;
  Rig& rig_;
  test::TestServer tls_;
};

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

inline asio::awaitable<void> end(Ends& ends, TaskGroup& tasks) {
  co_await tasks.join();
  co_await ends.edge.close();
  ends.rig.tasks.cancel();
  co_await ends.rig.tasks.join();
}

// There and back by the bridge's echo, to the end of both directions.
inline asio::awaitable<void> say_and_hear(asio::io_context& io, Ends& ends, std::size_t size,
                                          std::size_t piece = 70000) {
  TaskGroup tasks(io.get_executor());
  auto stream = make_stream(ends.session);
  tasks.spawn(ends.carrier.run());
  const auto text = test::random_text(size);
  tasks.spawn(test::say(*stream, text, piece));
  const auto heard = co_await test::read_to_end(*stream);
  CHECK(heard.size() == text.size());
  CHECK((heard == text));
  stream.reset();
  co_await end(ends, tasks);
}

}  // namespace surang::fronted::rig
