// What a browser connection sees of routing and detection: give an endpoint and a first flight, get a
// connected Stream whose first bytes have been judged.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/routing/first_flight.hpp"
#include "transports/core/datagram_flow.hpp"
#include "transports/core/endpoint.hpp"
#include "transports/core/stream.hpp"

namespace surang::client {

/// Follows the connection after it was handed over, to credit or convict its way. The session calls it.
class ConnectionWatch {
 public:
  virtual ~ConnectionWatch() = default;
  /// When the relay ended. `browser_closed`: the browser ended it, or nobody did anything wrong; it proves
  /// nothing. `why` is empty for a quiet end. Called before, or together with, the end of the stream.
  virtual void ended(std::uint64_t bytes_from_site, bool browser_closed, error_code why) = 0;
};

struct OpenedConnection {
  StreamPtr stream;                        ///< the first flight has been sent on it
  std::vector<std::uint8_t> first_answer;  ///< already read from it: belongs to the browser first
  std::string way;                         ///< "direct", "tunnel https@name", for logs and status
  std::unique_ptr<ConnectionWatch> watch;  ///< may be null; looks at `stream`, so it must not outlive that
};

class HeadStart;

class Outbound {
 public:
  virtual ~Outbound() = default;
  /// Begins a connection to the name in `to` where open() would begin with a direct one, for open() to take
  /// once the browser's first flight is there. Dropping it ends it. Null where there is nothing to begin.
  virtual std::shared_ptr<HeadStart> begin([[maybe_unused]] const Endpoint& to) { return nullptr; }
  /// Opens `to` by the ways the verdicts, rules and evidence call for, sending `flight`, racing ways only
  /// when it is replayable. The error says why no way served (Errc or a system error of the direct attempt).
  /// Errc::destination_denied: a rule says never. Cancelled when the browser goes away.
  /// A flight that is not replayable (none, opaque, a POST head) is sent on one way and the Stream given at
  /// once, without waiting for an answer: the site may need the rest of what the browser says first.
  /// `begun` may be null.
  virtual asio::awaitable<Result<OpenedConnection>> open(Endpoint to, FirstFlight flight,
                                                         std::shared_ptr<HeadStart> begun) = 0;

  enum class DatagramWay {
    refused,
    direct,
    tunnel,
    direct_public,  ///< the same as direct, but to public addresses alone: for guests. Only for
                    ///< open_datagrams
  };
  /// The way of datagrams to `to`, as rules and verdicts have it; they are nobody's evidence. `site`: whose
  /// name they show, which is that of `to` where they show none. No I/O.
  virtual DatagramWay datagram_way([[maybe_unused]] const Endpoint& to,
                                   [[maybe_unused]] const std::string& site) {
    return DatagramWay::refused;
  }
  /// A flow by that way, for all who are sent to by it. Errc::no_route: there is none.
  virtual asio::awaitable<Result<DatagramFlowPtr>> open_datagrams([[maybe_unused]] DatagramWay way) {
    co_return make_error_code(Errc::no_route);
  }

  /// What is known of a site by its name before anything is dialled, as captured DNS has to know.
  enum class Standing {
    open,     ///< nothing is known against it
    own,      ///< this network's own, or the person's rule says always directly: it is asked for as it comes
    blocked,  ///< by what is known, or a rule: its name is not for the line
    tunnelled,  ///< and connections to it begin by a bridge
    refused,    ///< a rule says never
  };
  /// `site` is asked for at `to`, its name or an address that it may have. No I/O.
  virtual Standing standing([[maybe_unused]] const Endpoint& to, [[maybe_unused]] const std::string& site) {
    return Standing::open;
  }
  /// Whether a name stands for anything, by all who can be asked: where in doubt, it does.
  struct NameWord {
    bool exists = true;
    std::vector<asio::ip::address>
        own;  ///< addresses of this network that its own name server alone knows it by
  };
  virtual asio::awaitable<NameWord> look_up([[maybe_unused]] std::string name) { co_return NameWord{}; }
  /// A whole DNS message to encrypted DNS, and the answer. Errc::no_route: there is none.
  virtual asio::awaitable<Result<std::vector<std::uint8_t>>> ask_encrypted(
      [[maybe_unused]] std::vector<std::uint8_t> query) {
    co_return make_error_code(Errc::no_route);
  }

  /// What a rule forbids outright, asked before the browser is answered: Errc::destination_denied. No I/O.
  virtual error_code refuses([[maybe_unused]] const Endpoint& to) const { return {}; }
};

}  // namespace surang::client
