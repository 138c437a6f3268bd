// One user's connection at the bridge: its requests go to an Exit. Made by quic_listener, which has the
// socket.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "transports/core/wakeup.hpp"
#include "transports/quic/connection.hpp"
#include "transports/quic/quic_listener.hpp"

namespace surang::quic {

class ServedConnection final : public ServedSession, public ConnectionOwner {
 public:
  /// What it asks of the listener.
  class Home {
   public:
    virtual ~Home() = default;
    virtual bool send(ServedConnection& from, const Path& path, std::span<const std::uint8_t> datagrams,
                      std::size_t segment) = 0;
    virtual void own_id(ServedConnection& connection, const ngtcp2_cid& id) = 0;
    virtual void drop_id(const ngtcp2_cid& id) = 0;
    /// It is to be served from now on; once.
    virtual void ready(ServedConnection& connection) = 0;
    /// The bridge's own socket hears nothing of it any more; once, at the latest when it is destroyed.
    virtual void gone(ServedConnection& connection) noexcept = 0;
  };

  ServedConnection(asio::any_io_executor executor, const std::shared_ptr<Home>& home, Scrambler& scrambler,
                   const TlsServer& tls, const UserKey& user, const Path& path,
                   const tunnel::ServeLimits& limits, const ngtcp2_pkt_hd& first,
                   std::shared_ptr<void> admitted);
  ~ServedConnection() override;

  Connection& connection() noexcept { return connection_; }

  const UserKey& user() const noexcept override { return connection_.user(); }
  asio::awaitable<Result<void>> serve(Dialer& egress, tunnel::ServeCounters& counters,
                                      std::atomic<std::uint64_t>& user_bytes, const std::atomic<bool>& drain,
                                      tunnel::Control* control, DatagramOpener* datagrams) override;

 private:
  struct Asked {
    Request request;
    std::unique_ptr<QuicStream> stream;
  };

  bool send(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment) override;
  void own_id(const ngtcp2_cid& id) override;
  void drop_id(const ngtcp2_cid& id) override;
  void on_handshake() override;
  void on_request(Request request, std::unique_ptr<QuicStream> stream) override;
  void on_end() override;

  void leave() noexcept;
  void get_ready();
  void answer(Asked asked);
  asio::awaitable<error_code> run(const std::atomic<bool>& drain);
  asio::awaitable<void> echo(std::shared_ptr<QuicStream> stream);

  const asio::any_io_executor executor_;
  const std::weak_ptr<Home> home_;
  const tunnel::ServeLimits limits_;
  std::shared_ptr<void> admitted_;  // until it is proven
  std::vector<Asked> early_;        // before it is served
  tunnel::Exit* exit_ = nullptr;
  TaskGroup* echoes_ = nullptr;
  std::shared_ptr<QuicStream> control_;
  Wakeup ended_;
  bool ready_ = false, gone_ = false;
  Connection connection_;
};

}  // namespace surang::quic
