#include "client/bridges/carrier.hpp"

namespace surang::client {
namespace {

class TunnelCarrier final : public Carrier {
 public:
  TunnelCarrier(asio::any_io_executor executor, std::unique_ptr<tunnel::SessionDialer> sessions,
                const tunnel::TunnelDialerOptions& options)
      : sessions_(std::move(sessions)), tunnel_(std::move(executor), *sessions_, options) {}

  bool shared() const noexcept override { return true; }
  bool resumes() const noexcept override { return sessions_->resumes(); }
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override { return tunnel_.dial(std::move(to)); }
  StreamPtr dial_at_once(const Endpoint& to) override { return tunnel_.dial_at_once(to); }
  asio::awaitable<Result<DatagramFlowPtr>> open() override { return tunnel_.open(); }
  asio::awaitable<Result<tunnel::ReachAnswer>> reach(Endpoint to) override {
    return tunnel_.reach(std::move(to));
  }
  asio::awaitable<Result<std::chrono::microseconds>> check(std::chrono::milliseconds limit) override {
    return tunnel_.check(limit);
  }
  tunnel::TunnelStatus status() const override { return tunnel_.status(); }
  std::chrono::steady_clock::time_point heard() const noexcept override { return tunnel_.heard(); }
  std::chrono::steady_clock::time_point heard(tunnel::SessionNumber session) const noexcept override {
    return tunnel_.heard(session);
  }
  std::optional<TcpInfo> carrier(tunnel::SessionNumber session) const override {
    return tunnel_.carrier(session);
  }
  asio::awaitable<Result<std::chrono::microseconds>> ping(tunnel::SessionNumber session,
                                                          std::chrono::milliseconds limit) override {
    return tunnel_.ping(session, limit);
  }
  void doubt() override { tunnel_.doubt(); }
  void trust(tunnel::SessionNumber session) override { tunnel_.trust(session); }
  void retire() override { tunnel_.retire(); }
  void retire(tunnel::SessionNumber session) override { tunnel_.retire(session); }
  void give_up() override { tunnel_.give_up(); }
  bool start_afresh() override { return tunnel_.start_afresh(); }
  void abandon(tunnel::SessionNumber session) override { tunnel_.abandon(session); }
  asio::awaitable<void> close() override { return tunnel_.close(); }

 private:
  const std::unique_ptr<tunnel::SessionDialer> sessions_;
  tunnel::TunnelDialer tunnel_;
};

}  // namespace

std::unique_ptr<Carrier> make_tunnel_carrier(asio::any_io_executor executor,
                                             std::unique_ptr<tunnel::SessionDialer> sessions,
                                             const tunnel::TunnelDialerOptions& options) {
  return std::make_unique<TunnelCarrier>(std::move(executor), std::move(sessions), options);
}

}  // namespace surang::client
