#include "transports/tunnel/tunnel_acceptor.hpp"

#include <utility>

#include "transports/tunnel/capsule_flow.hpp"
#include "transports/tunnel/connect_udp.hpp"
#include "transports/tunnel/exit.hpp"
#include "transports/tunnel/h2_session.hpp"
#include "transports/tunnel/proof.hpp"

namespace surang::tunnel {
namespace {

constexpr std::string_view kBadRequest = "surang; error=http_request_error";  // RFC 9209 2.3.16

H2Options options_of(const ServeLimits& limits, ServeCounters& counters,
                     std::atomic<std::uint64_t>& user_bytes, bool takes_datagrams) {
  H2Options options;
  options.server = true;
  options.hold_output = true;
  options.extended_connect = takes_datagrams;
  options.max_streams = limits.max_streams;
  options.max_header_bytes = limits.max_header_bytes;
  options.floods = {.resets = limits.max_resets_per_minute,
                    .pings = limits.max_pings_per_minute,
                    .settings = 60,
                    .empty_data = 1000,
                    .useless = 10000,
                    .continuations = 0};  // nghttp2 itself bounds those
  options.dead_peer_limit = std::chrono::seconds(30);
  options.keep_alive = std::chrono::seconds(60);
  options.idle_limit = limits.idle_session_limit;
  options.received = {&counters.bytes_up, &user_bytes};
  options.sent = {&counters.bytes_down, &user_bytes};
  options.streams_refused = &counters.refused_streams;
  options.headers_refused = &counters.refused_headers;
  options.floods_cut = &counters.floods;
  return options;
}

class Server final : public H2Observer {
 public:
  Server(Authenticated peer, const UserKey& user, Dialer& egress, const ServeLimits& limits,
         ServeCounters& counters, std::atomic<std::uint64_t>& user_bytes, const std::atomic<bool>& drain,
         Control* control, DatagramOpener* datagrams)
      : user_(user),
        binding_(peer.binding),
        counters_(counters),
        drain_(drain),
        exit_(peer.stream->executor(), egress, limits, counters, control, datagrams),
        session_(std::move(peer.stream), options_of(limits, counters, user_bytes, datagrams), this) {}

  asio::awaitable<error_code> run() { return exit_.end_with(session_.run()); }

  void on_request(H2Request request, std::unique_ptr<H2Stream> stream) override {
    if (!proven_) {
      if (!proof_holds(request.proxy_authorization, user_, binding_)) {
        ++counters_.refused_proof;
        session_.mute();
        return;
      }
      proven_ = true;
      session_.release();
    }
    const bool question = exit_.takes_questions() && request.method == "GET" && request.path == kReachPath;
    if (!question && request.method != "CONNECT") return stream->refuse(405, {});
    if (request.protocol == kConnectUdp && exit_.takes_datagrams()) {
      if (request.path != kAnyPeerPath) return stream->refuse(400, kBadRequest);
      return exit_.datagrams(std::move(stream), make_capsule_flow);
    }
    if (!request.protocol.empty()) return stream->refuse(501, {});
    auto to = Endpoint::parse(request.authority);
    if (!to || to->port() == 0) return stream->refuse(400, kBadRequest);
    if (question)
      exit_.question(std::move(*to), std::move(stream));
    else
      exit_.connect(std::move(*to), std::move(stream));
  }

  void on_tick() override {
    if (drain_) session_.drain();
  }

 private:
  const UserKey user_;
  const ChannelBinding binding_;
  ServeCounters& counters_;
  const std::atomic<bool>& drain_;
  bool proven_ = false;
  Exit exit_;
  H2Session session_;
};

}  // namespace

asio::awaitable<Result<void>> serve(Authenticated peer, UserKey user, Dialer& egress,
                                    const ServeLimits& limits, ServeCounters& counters,
                                    std::atomic<std::uint64_t>& user_bytes, const std::atomic<bool>& drain,
                                    Control* control, DatagramOpener* datagrams) {
  ++counters.sessions;
  Server server(std::move(peer), user, egress, limits, counters, user_bytes, drain, control, datagrams);
  const error_code ended = co_await server.run();
  if (ended) co_return ended;
  co_return Result<void>{};
}

}  // namespace surang::tunnel
