#include "transports/tunnel/h2_dialer.hpp"

#include <algorithm>
#include <utility>

#include "transports/core/wrapping_stream.hpp"
#include "transports/tunnel/capsule_flow.hpp"
#include "transports/tunnel/connect_udp.hpp"
#include "transports/tunnel/h2_session.hpp"
#include "transports/tunnel/proof.hpp"
#include "transports/tunnel/reach_answer.hpp"

namespace surang::tunnel {
namespace {

// What a bridge's refusal of a question means; words that are none of ours say nothing.
error_code refused(int status, error_code why) {
  if (status < 300) return why == Errc::timed_out ? why : make_error_code(Errc::no_route);
  if (status == 403) return make_error_code(Errc::destination_denied);
  if (status == 429) return make_error_code(Errc::limit);
  return make_error_code(Errc::protocol);
}

// The answer to a question.
class H2Question final : public WrappingStream {
 public:
  explicit H2Question(std::unique_ptr<H2Stream> stream)
      : WrappingStream(std::move(stream)), stream_(static_cast<const H2Stream&>(*inner_)) {}

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    const auto n = inner_->try_read(into);
    if (n || n.error() == Errc::would_block) return n;
    return refused(stream_.status(), n.error());
  }
  asio::awaitable<Result<void>> wait_readable() override {
    const auto ready = co_await inner_->wait_readable();
    if (!ready) co_return refused(stream_.status(), ready.error());
    co_return ready;
  }

 private:
  const H2Stream& stream_;
};

class H2ClientSession final : public Session {
 public:
  H2ClientSession(StreamPtr transport, const H2Options& options)
      : session_(std::move(transport), options, nullptr) {}

  asio::awaitable<error_code> run() override { return session_.run(); }
  StreamPtr connect(const Endpoint& to) override { return session_.connect(to.to_string()); }
  Result<DatagramFlowPtr> open_flow() override {
    if (!session_.heard()) return make_error_code(Errc::would_block);  // what it takes stands in its settings
    if (!session_.takes_extended_connect()) return make_error_code(Errc::no_route);
    return make_capsule_flow(session_.connect_as(kConnectUdp, "bridge", kAnyPeerPath, kCapsuleFields));
  }
  StreamPtr question(const Endpoint& to) override {
    return std::make_unique<H2Question>(session_.get(to.to_string(), kReachPath));
  }
  void introduce() override { session_.introduce(); }
  asio::awaitable<Result<std::chrono::microseconds>> ping() override { return session_.ping(); }
  void drain() override { session_.drain(); }
  void abandon() noexcept override { session_.abandon(); }
  bool usable() const noexcept override { return session_.usable(); }
  bool heard() const noexcept override { return session_.heard(); }
  std::size_t streams() const noexcept override { return session_.streams(); }
  std::chrono::microseconds rtt() const noexcept override { return session_.rtt(); }
  std::chrono::steady_clock::time_point last_heard() const noexcept override { return session_.last_heard(); }
  std::optional<TcpInfo> carrier() const override { return tcp_info(session_.carrier_socket()); }

 private:
  H2Session session_;
};

// By value what it needs after it has waited: the dialer may be gone by then.
asio::awaitable<Result<std::unique_ptr<Session>>> open_session(TransportDialer& transport, UserKey user,
                                                               SessionOptions limits) {
  const auto began = std::chrono::steady_clock::now();
  auto connected = co_await transport.connect();
  if (!connected) co_return connected.error();
  H2Options options;
  options.dead_peer_limit = limits.dead_peer_limit;
  options.idle_limit = limits.idle_limit;
  options.first_sign_limit = std::max<std::chrono::steady_clock::duration>(
      limits.connect_limit - (std::chrono::steady_clock::now() - began), std::chrono::milliseconds(1));
  options.sent[0] = limits.sent;
  options.received[0] = limits.received;
  options.proof = make_proof(user, connected->binding);
  co_return std::make_unique<H2ClientSession>(std::move(connected->stream), options);
}

class H2Dialer final : public SessionDialer {
 public:
  H2Dialer(std::unique_ptr<TransportDialer> transport, const UserKey& user)
      : transport_(std::move(transport)), user_(user) {}

  std::string_view name() const noexcept override { return transport_->name(); }
  bool resumes() const noexcept override { return transport_->resumes(); }
  asio::awaitable<Result<std::unique_ptr<Session>>> connect(SessionOptions options) override {
    return open_session(*transport_, user_, options);
  }

 private:
  const std::unique_ptr<TransportDialer> transport_;
  const UserKey user_;
};

}  // namespace

std::unique_ptr<SessionDialer> make_h2_dialer(std::unique_ptr<TransportDialer> transport,
                                              const UserKey& user) {
  return std::make_unique<H2Dialer>(std::move(transport), user);
}

}  // namespace surang::tunnel
