// Bridge end of the https transport. Whoever does not prove to be a user is spliced to the cover site,
// byte for byte, with everything already read (PROTOCOL.md, https).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "transports/core/dialer.hpp"
#include "transports/core/transport.hpp"

namespace surang::https {

/// Remembers every ticket that was let in, exactly, for as long as tickets are valid. Thread safe (sharded).
class ReplaySet {
 public:
  /// With a `journal` (a file of its own, made when missing) what was let in before a restart is known after
  /// it. Without one, or with one that cannot be read or written or may have holes (another boot of the
  /// machine, a torn record), tickets minted before now are refused, and those of clients whose clock runs
  /// ahead could be replayed once after a restart.
  explicit ReplaySet(std::filesystem::path journal = {});
  ~ReplaySet();
  /// True the first time `key_name` is seen; `minted` is the ticket's own time, unix seconds.
  bool insert(const std::array<std::uint8_t, 16>& key_name, std::int64_t minted, std::int64_t now);
  std::size_t size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct AcceptorCounters {
  std::atomic<std::uint64_t> users{0}, strangers{0}, replays{0}, stale{0}, failed{0};
  std::atomic<std::size_t> covered{0};  ///< with the cover site now, or about to be
};

struct AcceptorOptions {
  std::array<std::uint8_t, 32> public_key{};  ///< X25519, B: what the ticket names are keyed with
  Endpoint cover;                             ///< where strangers are spliced to
  std::chrono::seconds clock_skew{120};
  std::size_t max_covered = 1024;  ///< of AcceptorCounters::covered; strangers beyond it are cut
};

/// `users`, `replays`, `counters` are shared between workers; `cover_dialer` is this worker's. All must
/// outlive it.
std::unique_ptr<TransportAcceptor> make_acceptor(AcceptorOptions options, const UserDirectory& users,
                                                 ReplaySet& replays, Dialer& cover_dialer,
                                                 AcceptorCounters& counters);

}  // namespace surang::https
