#include "bridge-server/listeners/fronted_listener.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "transports/core/prefixed_stream.hpp"
#include "transports/core/timeout.hpp"
#include "transports/fronted/channel.hpp"
#include "transports/fronted/http1_server.hpp"
#include "transports/fronted/http2_server.hpp"
#include "transports/tls/server_context.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::bridge {
namespace {

using namespace std::chrono_literals;
using PassPtr = std::shared_ptr<HandshakeGate::Pass>;

constexpr auto kTlsLimit = 10s;
constexpr auto kFirstBytesLimit = 60s;  // edges open connections ahead of need
constexpr auto kChannelLimit = 20s;

// RFC 9113 3.4; no method of HTTP/1.1 begins so.
constexpr std::string_view kPreface = "PRI ";

// As many first bytes as tell which version of HTTP it is.
asio::awaitable<std::string> first_bytes(Stream& connection) {
  std::string first;
  std::array<char, kPreface.size()> block{};
  while (first.size() < kPreface.size() && kPreface.starts_with(first)) {
    const auto room = asio::buffer(block.data(), kPreface.size() - first.size());
    const auto n = co_await connection.read_some_for(room, kFirstBytesLimit);
    if (!n || *n == 0) break;
    first.append(block.data(), *n);
  }
  co_return first;
}

}  // namespace

struct FrontedListener::Impl {
  Impl(asio::any_io_executor executor, Shared& given, const config::ListenerOptions& listener, Serve serving)
      : shared(given),
        options(listener),
        serve(std::move(serving)),
        edges(listener.edges),
        origin(std::move(executor), given.keys.public_key, given.users, {}, given.fronted,
               [this](StreamPtr stream, UserKey user, fronted::SessionName name, asio::ip::address from) {
                 return begin(std::move(stream), user, name, std::move(from));
               }) {}

  asio::awaitable<void> begin(StreamPtr stream, UserKey user, fronted::SessionName name,
                              asio::ip::address from) {
    auto pass = shared.gate.enter(from, shared.options.load()->max_handshakes_per_address);
    if (!pass) {
      ++shared.refused_address;
      co_return;
    }
    const noise::Keypair bridge{shared.keys.private_key, shared.keys.public_key};
    auto met =
        co_await with_timeout(kChannelLimit, fronted::accept_channel(std::move(stream), user, bridge, name));
    pass = {};
    if (met) co_await serve(std::move(*met));
  }

  // `pass` is given back once there is a user's request.
  asio::awaitable<void> handle(StreamPtr connection, asio::ip::address peer, PassPtr pass) {
    if (context) {
      tls::SslPtr ssl(SSL_new(context.get()), SSL_free);
      SSL_set_accept_state(ssl.get());
      auto secured = tls::TlsStream::make(std::move(connection), std::move(ssl));
      const auto done = co_await with_timeout(kTlsLimit, secured->handshake());
      if (!done) co_return;
      connection = std::move(secured);
    }
    auto first = co_await first_bytes(*connection);
    if (first.empty()) co_return;
    const auto answer = [this, peer, pass](fronted::Exchange& exchange) {
      fronted::Caller caller;
      caller.address = edges.client(peer, exchange.head().forwarded_for);
      caller.known = [pass] { *pass = {}; };
      return origin.serve(exchange, std::move(caller));
    };
    if (first == kPreface)
      co_await fronted::serve_http2(make_prefixed_stream(std::move(first), std::move(connection)), answer);
    else
      co_await fronted::serve_http1(std::move(connection), std::move(first), {}, answer);
  }

  Shared& shared;
  const config::ListenerOptions options;
  const Serve serve;
  const TrustedEdges edges;
  std::shared_ptr<SSL_CTX> context;  // null: plain HTTP
  fronted::Origin origin;
};

FrontedListener::FrontedListener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FrontedListener::~FrontedListener() = default;

Result<std::unique_ptr<FrontedListener>> FrontedListener::make(asio::any_io_executor executor, Shared& shared,
                                                               const config::ListenerOptions& options,
                                                               Serve serve, std::string& why) {
  std::unique_ptr<FrontedListener> made(
      new FrontedListener(std::make_unique<Impl>(std::move(executor), shared, options, std::move(serve))));
  const auto ready = made->reload(why);
  if (!ready) return ready.error();
  return made;
}

Result<void> FrontedListener::reload(std::string& why) {
  if (impl_->options.certificate.empty()) return {};
  auto fresh = tls::make_server_context(impl_->options.certificate, impl_->options.key, why);
  if (!fresh) return fresh.error();
  impl_->context = std::move(*fresh);
  return {};
}

void FrontedListener::drain() {
  impl_->origin.drain();
}

void FrontedListener::stop() {
  impl_->origin.stop();
}

asio::awaitable<void> FrontedListener::handle(StreamPtr connection, asio::ip::address peer) {
  auto pass = std::make_shared<HandshakeGate::Pass>();
  // An edge has as many connections as it has clients.
  if (!impl_->edges.contains(peer)) {
    *pass = impl_->shared.gate.enter(peer, impl_->shared.options.load()->max_handshakes_per_address);
    if (!*pass) ++impl_->shared.refused_address;
    if (!*pass) co_return;
  }
  co_await impl_->handle(std::move(connection), std::move(peer), std::move(pass));
}

}  // namespace surang::bridge
