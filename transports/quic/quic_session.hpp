// One connection to a bridge with the socket that carries it, as tunnel_dialer works with it. Made by
// quic_dialer.
#pragma once

#include <functional>
#include <memory>

#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/quic/connection.hpp"
#include "transports/quic/control_stream.hpp"
#include "transports/quic/outbox.hpp"
#include "transports/tunnel/session.hpp"

namespace surang::quic {

/// What the sessions of a dialer have in common.
struct DialerState {
  explicit DialerState(const UserKey& whose, const ScrambleKey& key)
      : user(whose), tls(whose), scrambler(key) {}
  const UserKey user;
  const TlsClient tls;
  Scrambler scrambler;
  Resumption resumption;  // of the last one that told
  Wakeup news;            // one has proven itself, or has ended
};

class QuicSession final : public tunnel::Session, public ConnectionOwner {
 public:
  /// To `bridge`, once start() has been called. The system's error when there is no way there.
  static Result<std::unique_ptr<QuicSession>> make(asio::any_io_executor executor,
                                                   std::shared_ptr<DialerState> common,
                                                   const Path::Address& bridge,
                                                   const tunnel::SessionOptions& options);
  ~QuicSession() override;

  /// Begins the handshake, before run().
  void start() { connection_->flush(); }
  bool ended() const noexcept { return connection_->ended(); }
  error_code error() const noexcept { return connection_->error(); }

  asio::awaitable<error_code> run() override;
  StreamPtr connect(const Endpoint& to) override;
  Result<DatagramFlowPtr> open_flow() override;
  StreamPtr question(const Endpoint& to) override;
  void introduce() override;
  asio::awaitable<Result<std::chrono::microseconds>> ping() override;
  void drain() override;
  void abandon() noexcept override;
  bool usable() const noexcept override;
  bool heard() const noexcept override;
  std::size_t streams() const noexcept override;
  std::chrono::microseconds rtt() const noexcept override;
  std::chrono::steady_clock::time_point last_heard() const noexcept override;
  std::optional<TcpInfo> carrier() const override { return std::nullopt; }
  bool follow() override;

 private:
  QuicSession(asio::any_io_executor executor, std::shared_ptr<DialerState> common,
              std::shared_ptr<PacketSocket> socket, const Path::Address& bridge,
              const tunnel::SessionOptions& options);

  bool send(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment) override;
  void on_handshake() override { common_->news.notify(); }
  void on_quiet() override;
  void on_resumption(Resumption resumption) override { common_->resumption = std::move(resumption); }
  void on_end() override;

  struct Reader;
  static asio::awaitable<void> watch_way(QuicSession& self, std::weak_ptr<const bool> alive);
  void use(std::shared_ptr<PacketSocket> socket);
  EchoAsker& control();

  const asio::any_io_executor executor_;
  const std::shared_ptr<DialerState> common_;
  const Path::Address bridge_;
  std::shared_ptr<PacketSocket> socket_;
  std::unique_ptr<Outbox> outbox_;
  std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<EchoAsker> control_;
  Wakeup news_;
  bool draining_ = false;
  TaskGroup tasks_;
};

}  // namespace surang::quic
