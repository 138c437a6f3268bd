#include "transports/quic/quic_dialer.hpp"

#include <utility>

#include "transports/core/timeout.hpp"
#include "transports/quic/quic_session.hpp"

namespace surang::quic {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using SessionPtr = std::unique_ptr<QuicSession>;

constexpr auto kStagger = 250ms;  // before the next address is spoken to as well (RFC 8305 5)

class QuicDialer final : public tunnel::SessionDialer {
 public:
  QuicDialer(const TransportSpec& spec, const BridgeIdentity& bridge, asio::any_io_executor executor,
             std::shared_ptr<Resolver> resolver)
      : port_(spec.port),
        hosts_(bridge.hosts),
        executor_(std::move(executor)),
        resolver_(std::move(resolver)),
        common_(std::make_shared<DialerState>(bridge.user, scramble_key(bridge.public_key))) {}

  std::string_view name() const noexcept override { return "quic"; }

  asio::awaitable<Result<std::unique_ptr<tunnel::Session>>> connect(tunnel::SessionOptions options) override {
    std::vector<asio::ip::address> addresses;
    error_code why = make_error_code(Errc::name_not_found);
    for (const auto& host : hosts_) {
      const auto found = co_await resolver_->resolve(host);
      if (found)
        addresses.insert(addresses.end(), found->begin(), found->end());
      else
        why = found.error();
    }
    if (addresses.empty()) co_return why;
    if (addresses.size() == 1) {
      auto only = QuicSession::make(executor_, common_, {addresses.front(), port_}, options);
      if (!only) co_return only.error();
      co_return std::move(*only);
    }
    co_return co_await race(std::move(addresses), options);
  }

 private:
  // The first whose bridge answers; the next address is tried beside a silent one.
  asio::awaitable<Result<std::unique_ptr<tunnel::Session>>> race(std::vector<asio::ip::address> addresses,
                                                                 tunnel::SessionOptions options) {
    std::vector<SessionPtr> running;
    error_code why = make_error_code(Errc::no_route);
    std::size_t next = 0;
    auto next_at = Clock::now();
    const auto deadline = next_at + options.connect_limit;
    for (;;) {
      for (auto& session : running) {
        if (session->heard()) co_return std::move(session);
        if (session->ended()) why = session->error() ? session->error() : why;
      }
      std::erase_if(running, [](const auto& session) { return session->ended(); });
      const auto now = Clock::now();
      if (now >= deadline) co_return make_error_code(Errc::timed_out);
      if (next < addresses.size() && (running.empty() || now >= next_at)) {
        auto made = QuicSession::make(executor_, common_, {addresses[next++], port_}, options);
        next_at = now + kStagger;
        if (made) {
          (*made)->start();
          running.push_back(std::move(*made));
        } else {
          why = made.error();
        }
        continue;
      }
      if (running.empty()) co_return why;
      const auto until = next < addresses.size() ? std::min(next_at, deadline) : deadline;
      (void)co_await with_timeout(until - now, news(common_));
    }
  }

  static asio::awaitable<Result<void>> news(std::shared_ptr<DialerState> common) {
    co_await common->news.wait(co_await asio::this_coro::executor);
    co_return Result<void>{};
  }

  const std::uint16_t port_;
  const std::vector<std::string> hosts_;
  const asio::any_io_executor executor_;
  const std::shared_ptr<Resolver> resolver_;
  const std::shared_ptr<DialerState> common_;
};

}  // namespace

Result<std::unique_ptr<tunnel::SessionDialer>> make_dialer(const TransportSpec& spec,
                                                           const BridgeIdentity& bridge,
                                                           asio::any_io_executor executor,
                                                           std::shared_ptr<Resolver> resolver,
                                                           std::string& why) {
  if (bridge.hosts.empty()) {
    why = "no host is named";
    return make_error_code(Errc::bad_input);
  }
  try {
    return std::make_unique<QuicDialer>(spec, bridge, std::move(executor), std::move(resolver));
  } catch (const std::exception& e) {
    why = e.what();
    return make_error_code(Errc::bad_input);
  }
}

}  // namespace surang::quic
