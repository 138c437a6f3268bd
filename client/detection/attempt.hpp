// One way tried once: resolves, connects, sends the first flight, judges what comes back, and keeps what it
// saw as evidence. Decides nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/detection/first_answer.hpp"
#include "client/detection/hedge.hpp"
#include "client/detection/shared_pages.hpp"
#include "client/dns/names.hpp"
#include "transports/core/dialer.hpp"
#include "transports/tcp/tcp_dialer.hpp"

typedef struct ssl_ctx_st SSL_CTX;

namespace surang::tunnel {
class Control;
}

namespace surang::client {

/// Connections to addresses already known. TcpDialer in the program, a script in tests.
class Connector {
 public:
  virtual ~Connector() = default;
  virtual asio::awaitable<Result<StreamPtr>> connect(std::vector<asio::ip::address> addresses,
                                                     std::uint16_t port,
                                                     std::vector<ConnectAttempt>* attempts) = 0;
  /// Another network: nothing holds of what was seen of this one.
  virtual void forget() {}
};

class HeadStart;

/// What is known of a host when a way goes round that.
struct KnownOfHost {
  bool names_lie = false;                 ///< the network's name server gives false addresses for it
  std::vector<asio::ip::address> failed;  ///< addresses that another one is wanted for
};

/// What attempts work with; everything outlives them.
struct AttemptTools {
  Names* names = nullptr;
  Connector* connector = nullptr;
  Dialer* tunnel = nullptr;            ///< null without a bridge
  tunnel::Control* control = nullptr;  ///< what the bridge sees; the same
  /// For the first attempt of a race; may be null.
  std::shared_ptr<HeadStart> head_start;
  /// Addresses that are known not to answer on this network. Empty where that very knowledge is tested, and
  /// where no other way could be taken.
  std::function<bool(const asio::ip::address&)> dead_address;
  /// For the look at a certificate beside the browser's own connection (all may be empty: no looks): whether
  /// the site behind a name has been seen to be itself here, the note that it has, and what verifies.
  std::function<bool(const std::string& host, const asio::ip::address&)> proven;
  std::function<void(const std::string& host, const asio::ip::address&)> prove;
  std::function<std::shared_ptr<SSL_CTX>()> tls_context;
  std::shared_ptr<const BlockPages> block_pages;  ///< null: none are known
  std::shared_ptr<const ServiceGroups> services;  ///< the same
  /// Of page_contrast's marks: notes that a host showed one directly, and tells where that stands on this
  /// network; notes that a tunnel brought one. May be empty.
  std::function<PageStanding(const std::string& host, const std::string& mark)> shown_page;
  std::function<void(const std::string& mark)> harmless_page;
  /// Somebody answers in sites' places on this network: every name is looked at once, whatever its addresses.
  bool impostors = false;
  /// For evasions: what is known of a host beforehand. May be empty.
  std::function<KnownOfHost(const std::string& host)> known;
  /// Addresses of this machine, to which no guest's flight is sent. May be empty.
  std::function<bool(const asio::ip::address&)> of_this_machine;
  bool cut_hellos = true;  ///< the person's setting; false: ways that do fail unsaid
};

/// What an attempt is to do.
struct AttemptOrder {
  AttemptOrder(Way w, Endpoint endpoint, std::shared_ptr<const FirstFlight> first)
      : way(w), to(std::move(endpoint)), flight(std::move(first)) {}
  Way way;
  Endpoint to;
  std::shared_ptr<const FirstFlight> flight;
  /// Whether a direct attempt stands beside it: encrypted DNS giving the same addresses then ends this one.
  bool compare_names = true;
  /// Whether an answer is waited for and judged; without it the attempt is done when the flight is sent.
  bool judge_answer = true;
  /// Runs what goes on beside the attempt; null: nothing does.
  std::function<void(asio::awaitable<void>)> beside;
  /// Bounds the connection alone; zero: the connector's own limit.
  Clock::duration connect_limit{};
  std::shared_ptr<HeadStart>
      head_start;     ///< taken where the way leads to the system's addresses; may be null
  StreamPtr opened;   ///< where the way is the tunnel; null: it is dialled
  KnownOfHost known;  ///< for an evasion: what other attempts have met just now
};

struct Attempt {
  Attempt(Way way, Clock::time_point now) : started(now) {
    view.way = way;
    view.begun = view.last_life = now;
  }
  AttemptView view;
  Clock::time_point started, ended;
  error_code error;
  std::vector<asio::ip::address> addresses;  ///< that the name resolved to
  std::vector<ConnectAttempt> connects;
  bool presumed = false;  ///< failed by what is known of its addresses, with nothing sent: proves nothing
  std::size_t flight_size = 0;
  FirstFlight::Kind flight_kind = FirstFlight::Kind::none;
  StreamPtr stream;                  ///< open when validated or doubtful
  std::vector<std::uint8_t> answer;  ///< read from it so far
  std::optional<ShortPage> page;     ///< where that is a whole short page

  bool failed() const { return view.outcome == Outcome::failed; }
  /// The signal of its silence, for one that is still pending.
  Signal silence() const;
  /// The address that was tried, for the verdict: the one that connected, or the first that did not; empty
  /// for a tunnel.
  std::string tried_address() const;
  /// The addresses that have answered in whatever way, or not at all: all that a failure speaks against.
  std::vector<asio::ip::address> dialled() const;
};

/// Runs `order` into `attempt`; calls `changed`, which may be empty, after every step. Ends with an outcome
/// other than pending. `tools` stay the caller's until then.
asio::awaitable<void> run_attempt(const AttemptTools& tools, AttemptOrder order,
                                  std::shared_ptr<Attempt> attempt, std::function<void()> changed);

}  // namespace surang::client
