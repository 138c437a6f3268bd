#include "client/bridges/carrier.hpp"
#include "client/outer_proxy/outer_proxy_dialer.hpp"
#include "transports/core/timeout.hpp"
#include "transports/core/wrapping_stream.hpp"

namespace surang::client {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr std::chrono::seconds kGreetLimit{5};    // until the proxy speaks
constexpr std::chrono::seconds kAnswerLimit{20};  // it connects meanwhile

struct Counters {
  std::size_t open = 0;
  std::uint64_t up = 0, down = 0;
};

// A connection by the proxy, counted.
class CountedStream final : public WrappingStream {
 public:
  CountedStream(StreamPtr inner, std::shared_ptr<Counters> counters)
      : WrappingStream(std::move(inner)), counters_(std::move(counters)) {
    ++counters_->open;
  }
  ~CountedStream() override { --counters_->open; }

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    auto got = inner_->try_read(into);
    if (got) counters_->down += *got;
    return got;
  }
  Result<asio::const_buffer> try_write(asio::const_buffer from) override {
    auto left = inner_->try_write(from);
    if (left) counters_->up += from.size() - left->size();
    return left;
  }
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    counters_->up += from.size();
    return inner_->write_all(from);
  }

 private:
  std::shared_ptr<Counters> counters_;
};

// What the proxy says of the destination, as a bridge of ours would.
error_code of_destination(error_code why) {
  if (why == Errc::destination_denied) return why;
  if (why == std::errc::connection_refused) return Errc::destination_refused;
  if (why == Errc::timed_out) return Errc::destination_timed_out;
  return Errc::destination_unreachable;
}

// Errc::protocol: what answers is no SOCKS proxy. All references are to what the awaiting coroutine holds.
asio::awaitable<Result<StreamPtr>> greet(const RawDialer& connect, ProxyNegotiation& negotiation,
                                         microseconds& round_trip) {
  auto raw = co_await connect();
  if (raw.has_error()) co_return raw.error();
  const auto begun = Clock::now();
  const auto answered = co_await hear_next(**raw, negotiation);
  // The bridge is there, but not what must stand behind it: Tor hangs up, others want a password.
  if (!answered || negotiation.state() == ProxyNegotiation::State::refused)
    co_return make_error_code(Errc::protocol);
  round_trip = std::max(microseconds(1), std::chrono::duration_cast<microseconds>(Clock::now() - begun));
  co_return std::move(*raw);
}

class SocksCarrier final : public Carrier {
 public:
  explicit SocksCarrier(RawDialer connect) : connect_(std::move(connect)) {}

  bool shared() const noexcept override { return false; }

  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override {
    ProxyNegotiation negotiation(proxy_, to);
    auto stream = co_await open(negotiation, kGreetLimit);
    if (stream.has_error()) co_return stream.error();
    while (negotiation.state() == ProxyNegotiation::State::talking) {
      const auto said = co_await with_timeout(kAnswerLimit, hear_next(**stream, negotiation));
      if (said.has_error() && said.error() == Errc::timed_out)
        co_return make_error_code(Errc::destination_timed_out);
      if (!said) co_return failed(said.error());
    }
    if (negotiation.state() == ProxyNegotiation::State::refused)
      co_return of_destination(negotiation.error());
    co_return StreamPtr(std::make_unique<CountedStream>(std::move(*stream), counters_));
  }

  asio::awaitable<Result<microseconds>> check(std::chrono::milliseconds limit) override {
    const Endpoint nowhere("bridge.invalid", 443);  // which is never asked for
    ProxyNegotiation negotiation(proxy_, nowhere);
    const auto stream = co_await open(negotiation, limit);
    if (stream.has_error()) co_return stream.error();
    co_return rtt_;
  }
  asio::awaitable<Result<microseconds>> ping(tunnel::SessionNumber,
                                             std::chrono::milliseconds limit) override {
    return check(limit);
  }
  asio::awaitable<Result<DatagramFlowPtr>> open() override { co_return make_error_code(Errc::no_route); }
  asio::awaitable<Result<tunnel::ReachAnswer>> reach(Endpoint) override {
    co_return make_error_code(Errc::no_route);  // nobody there knows the question
  }

  tunnel::TunnelStatus status() const override {
    tunnel::TunnelStatus status;
    status.live = live_;
    status.open_streams = counters_->open;
    status.rtt = rtt_;
    status.bytes_up = counters_->up;
    status.bytes_down = counters_->down;
    status.sessions = greeted_;
    status.failures = failures_;
    status.last_error = last_error_;
    return status;
  }
  Clock::time_point heard() const noexcept override { return heard_; }
  Clock::time_point heard(tunnel::SessionNumber) const noexcept override { return {}; }
  std::optional<TcpInfo> carrier(tunnel::SessionNumber) const override { return std::nullopt; }

  // There is no session that could go on: what is open lives by itself.
  void doubt() override { live_ = false; }
  void trust(tunnel::SessionNumber) override {}
  void retire() override { live_ = false; }
  void retire(tunnel::SessionNumber) override { live_ = false; }
  void give_up() override { live_ = false; }
  bool start_afresh() override {
    live_ = false;
    return false;
  }
  void abandon(tunnel::SessionNumber) override { live_ = false; }
  asio::awaitable<void> close() override { co_return; }

 private:
  asio::awaitable<Result<StreamPtr>> open(ProxyNegotiation& negotiation, std::chrono::milliseconds limit) {
    auto stream = co_await with_timeout(limit, greet(connect_, negotiation, rtt_));
    if (stream.has_error()) co_return failed(stream.error());
    live_ = true;
    heard_ = Clock::now();
    ++greeted_;
    co_return std::move(*stream);
  }

  // Whatever went wrong on the way, for the caller there is no bridge.
  error_code failed(error_code why) {
    live_ = false;
    ++failures_;
    last_error_ = why;
    return why == Errc::timed_out ? why : make_error_code(Errc::no_route);
  }

  const RawDialer connect_;
  const OuterProxy proxy_{};
  const std::shared_ptr<Counters> counters_ = std::make_shared<Counters>();
  bool live_ = false;
  microseconds rtt_{};
  Clock::time_point heard_{};
  std::uint64_t greeted_ = 0, failures_ = 0;
  error_code last_error_;
};

}  // namespace

std::unique_ptr<Carrier> make_socks_carrier(RawDialer connect) {
  return std::make_unique<SocksCarrier>(std::move(connect));
}

}  // namespace surang::client
