#include "transports/tunnel/tunnel_acceptor.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "transports/core/datagram_relay.hpp"
#include "transports/core/relay.hpp"
#include "transports/tunnel/capsule_flow.hpp"
#include "transports/tunnel/connect_udp.hpp"
#include "transports/tunnel/h2_session.hpp"
#include "transports/tunnel/proof.hpp"
#include "transports/tunnel/proxy_status.hpp"

namespace surang::tunnel {
namespace {

constexpr std::string_view kDenied = "surang; error=http_request_denied";  // RFC 9209 2.3.9

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
        egress_(egress),
        limits_(limits),
        counters_(counters),
        drain_(drain),
        control_(control),
        datagrams_(datagrams),
        tasks_(peer.stream->executor()),
        session_(std::move(peer.stream), options_of(limits, counters, user_bytes, datagrams), this) {}

  asio::awaitable<error_code> run() { return tasks_.end_with(session_.run()); }

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
    // A stream that is reset ends here only when its egress has unwound; so this bounds what resets can
    // start.
    if (tasks_.size() >= 2 * std::size_t{limits_.max_streams}) {
      ++counters_.refused_streams;
      return;
    }
    const bool question = control_ && request.method == "GET" && request.path == kReachPath;
    if (!question && request.method != "CONNECT") return stream->refuse(405, {});
    if (request.protocol == kConnectUdp && datagrams_) return begin_flow(request.path, std::move(stream));
    if (!request.protocol.empty()) return stream->refuse(501, {});
    auto to = Endpoint::parse(request.authority);
    if (!to || to->port() == 0) return stream->refuse(400, "surang; error=http_request_error");
    if (question) {
      if (std::exchange(asked_, true)) return refuse_question(*stream);
      tasks_.spawn([&](TaskGroup::Task task) { return tell(std::move(*to), std::move(stream), task); });
      return;
    }
    ++counters_.streams;
    tasks_.spawn([&](TaskGroup::Task task) { return carry(std::move(*to), std::move(stream), task); });
  }

  void on_tick() override {
    if (drain_) session_.drain();
  }

 private:
  void refuse_question(H2Stream& stream) {
    ++counters_.refused_questions;
    stream.refuse(429, kDenied);
  }

  asio::awaitable<void> tell(Endpoint to, std::unique_ptr<H2Stream> stream, TaskGroup::Task task) {
    struct Done {
      bool& asked;
      ~Done() { asked = false; }
    } const done{asked_};
    stream->when_broken([task] { task.cancel(); });  // the client gave up
    const auto seen = co_await control_->reach(std::move(to));
    stream->when_broken({});
    if (seen.has_error() && seen.error() == Errc::limit) co_return refuse_question(*stream);
    if (!seen) {
      ++counters_.refused_questions;
      const auto refusal = refusal_of(seen.error());
      stream->refuse(refusal.status, refusal.proxy_status);
      co_return;
    }
    ++counters_.questions;
    const auto text = to_text(*seen);
    stream->accept("application/json");
    const auto said = co_await stream->write_all(asio::buffer(text));
    if (said) (void)co_await stream->shutdown_write();
  }

  void refuse_flow(H2Stream& stream) {
    ++counters_.refused_flows;
    stream.refuse(429, kDenied);
  }

  void begin_flow(std::string_view path, std::unique_ptr<H2Stream> stream) {
    if (path != kAnyPeerPath) return stream->refuse(400, "surang; error=http_request_error");
    if (flows_ >= limits_.max_flows) return refuse_flow(*stream);
    ++flows_;
    tasks_.spawn(carry_datagrams(std::move(stream)));
  }

  asio::awaitable<void> carry_datagrams(std::unique_ptr<H2Stream> stream) {
    struct Done {
      std::size_t& flows;
      ~Done() { --flows; }
    } const done{flows_};
    auto opened = co_await datagrams_->open();
    if (!opened) co_return refuse_flow(*stream);
    ++counters_.flows;
    const auto far = std::move(*opened);
    stream->respond(200, kCapsuleFields, true);
    const auto near = make_capsule_flow(std::move(stream));
    co_await relay_datagrams(*near, *far, limits_.flow_idle_limit);
  }

  asio::awaitable<void> carry(Endpoint to, std::unique_ptr<H2Stream> stream, TaskGroup::Task task) {
    stream->when_broken([task] { task.cancel(); });  // the client gave up
    auto dialled = co_await egress_.dial(std::move(to));
    stream->when_broken({});
    if (!dialled) {
      ++counters_.refused_destination;
      const auto refusal = refusal_of(dialled.error());
      stream->refuse(refusal.status, refusal.proxy_status);
      co_return;
    }
    const auto far = std::move(*dialled);
    stream->accept();
    RelayOptions options;
    options.idle_limit = limits_.stream_idle_limit;
    co_await relay(*stream, *far, options);
  }

  const UserKey user_;
  const ChannelBinding binding_;
  Dialer& egress_;
  const ServeLimits limits_;
  ServeCounters& counters_;
  const std::atomic<bool>& drain_;
  Control* const control_;
  DatagramOpener* const datagrams_;
  bool proven_ = false;
  bool asked_ = false;  // a question is being answered
  std::size_t flows_ = 0;
  TaskGroup tasks_;
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
