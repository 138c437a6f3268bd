// The two ends of every stream transport (https, obfs4, fronted): a dialer that reaches a bridge and an
// acceptor that recognises a user. What they yield carries HTTP/2 (tunnel/).
#pragma once

#include <array>
#include <functional>
#include <string_view>

#include "transports/core/stream.hpp"
#include "transports/core/user.hpp"

namespace surang {

/// A transport connection whose far end is known.
struct Authenticated {
  StreamPtr stream;
  UserId user{};
  /// The same 32 bytes at both ends, different for every connection; the proof inside is bound to it.
  std::array<std::uint8_t, 32> binding{};
  bool early_data = false;  ///< the first write travels in the first flight (0-RTT)
};

class TransportDialer {
 public:
  virtual ~TransportDialer() = default;
  virtual std::string_view name() const noexcept = 0;  ///< "https", "obfs4", ...
  virtual asio::awaitable<Result<Authenticated>> connect() = 0;
  /// What it connects goes on by other connections when the one beneath dies: a silent one may come back.
  virtual bool resumes() const noexcept { return false; }
};

class TransportAcceptor {
 public:
  virtual ~TransportAcceptor() = default;
  virtual std::string_view name() const noexcept = 0;
  /// Takes a fresh connection. An error: the peer was not a user and has been dealt with to the end
  /// (spliced to the cover site, read and discarded); there is nothing left to do with it. `left_alone` is
  /// called, once, when it is dealt with as a stranger's from there on and no handshake of ours any more.
  virtual asio::awaitable<Result<Authenticated>> accept(StreamPtr raw,
                                                        std::function<void()> left_alone = {}) = 0;
  /// Deals with a connection as with a stranger's, without a look at it; for one that is too many.
  virtual asio::awaitable<void> turn_away(StreamPtr raw) = 0;
};

}  // namespace surang
