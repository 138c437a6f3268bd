// The bridge's end of quic: one UDP socket, and the connections of users by it. Whatever is not a user's gets
// no answer (PROTOCOL.md, quic). bridge-server runs it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "transports/core/user.hpp"
#include "transports/https/https_acceptor.hpp"
#include "transports/quic/path.hpp"
#include "transports/tunnel/exit.hpp"

namespace surang::quic {

namespace asio = boost::asio;

struct ListenerCounters {
  std::atomic<std::uint64_t> users{0};      ///< connections begun with an admission that holds
  std::atomic<std::uint64_t> strangers{0};  ///< datagrams that belong to nothing
  std::atomic<std::uint64_t> replays{0}, stale{0};
  std::atomic<std::uint64_t> failed{0};  ///< handshakes that came to nothing
};

struct ListenerOptions {
  std::array<std::uint8_t, 32> public_key{};  ///< X25519, B: what datagrams are scrambled by
  std::array<std::uint8_t, 32> secret{};      ///< the bridge's own: what tickets are sealed by
  tunnel::ServeLimits limits;
};

/// A user's session, from its first request to its end.
class ServedSession {
 public:
  virtual ~ServedSession() = default;
  virtual const UserKey& user() const noexcept = 0;
  /// Does what the user asks for until the session ends, or the calling coroutine is cancelled. As
  /// tunnel::serve.
  virtual asio::awaitable<Result<void>> serve(Dialer& egress, tunnel::ServeCounters& counters,
                                              std::atomic<std::uint64_t>& user_bytes,
                                              const std::atomic<bool>& drain, tunnel::Control* control,
                                              DatagramOpener* datagrams) = 0;
};

class Listener {
 public:
  /// Is given each session when its user has proven itself.
  using Serve = std::function<void(std::unique_ptr<ServedSession>)>;
  /// Whether a handshake may begin from there; it is over when what was given is dropped. Null: too many are.
  using Admit = std::function<std::shared_ptr<void>(const asio::ip::address&)>;

  /// What is referred to must outlive it.
  Listener(asio::any_io_executor executor, const ListenerOptions& options, const UserDirectory& users,
           https::ReplaySet& replays, ListenerCounters& counters, Admit admit, Serve serve);
  ~Listener();

  /// The system's error, else the address with the port that it chose for 0.
  Result<Path::Address> listen(const Path::Address& at);
  void drain();  ///< no connection begins any more
  void stop();   ///< ends all of them

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace surang::quic
