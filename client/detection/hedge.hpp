// What a race does next: wait, start another way, or end. Pure; the race (race.hpp) carries it out.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "client/detection/signals.hpp"
#include "client/routing/ladder.hpp"

namespace surang::client {

enum class Stage { resolving, connecting, waiting };
enum class Outcome { pending, validated, doubtful, failed };

/// One running or ended attempt, as the decision sees it.
struct AttemptView {
  Way way = Way::direct;
  Stage stage = Stage::resolving;
  Outcome outcome = Outcome::pending;
  Signal signal = Signal::none;
  std::string detail;           ///< of a doubtful answer: equal ones by two ways are the site's own
  std::string page;             ///< page_contrast's mark of a short page or of a redirect to another site
  bool elsewhere = false;       ///< it is such a redirect
  bool agrees = false;          ///< encrypted DNS gave an address that the system gave
  bool no_such_name = false;    ///< encrypted DNS knows no such name
  bool sent = false;            ///< the first flight has left
  bool more_addresses = false;  ///< the host has another address than those that were tried
  Clock::time_point begun;
  Clock::time_point last_life;  ///< start, name answer, SYN-ACK, flight sent
  Clock::duration rtt{};        ///< zero while unknown
};

struct HedgeLimits {
  Clock::duration hedge_delay = std::chrono::milliseconds(400);
  Clock::duration silence = std::chrono::milliseconds(1200);
  /// Taken for the round trip where none has been measured, when a silence convicts: one lost SYN (sent again
  /// after 1 s) must not.
  Clock::duration assumed_rtt = std::chrono::milliseconds(300);
  /// The least round trip that a direct connection had on this network, zero while there was none: no other
  /// can be expected to answer sooner.
  Clock::duration least_rtt{};
};

/// Whether a tunnel's answer shows that a direct one in doubt is the site's own: it is the very same page, or
/// sends its visitors to another site as well, be it each to the one of his own country.
bool confirms_page(const AttemptView& tunnel, const AttemptView& direct);

/// When another way is started beside a pending attempt.
Clock::time_point hedge_at(const AttemptView& attempt, const HedgeLimits& limits);
/// When its silence counts as a failure.
Clock::time_point silent_at(const AttemptView& attempt, const HedgeLimits& limits);

struct Step {
  enum class Kind { wait, start, finish } kind = Kind::wait;
  std::size_t index = 0;              ///< start: into the plan
  Clock::time_point until;            ///< wait: at most until then
  std::optional<std::size_t> winner;  ///< finish: into the attempts; nothing: all failed
};

/// How long nothing may come before one look of our own counts as failed, where no round trip is known.
Clock::duration silence_limit(const HedgeLimits& limits);

/// `attempts[i]` runs `started[i]` of the plan (indices, in the order in which they were started).
Step next_step(std::span<const PlannedWay> plan, std::span<const std::size_t> started,
               std::span<const AttemptView> attempts, bool replayable, const HedgeLimits& limits,
               Clock::time_point budget_end, Clock::time_point now);

}  // namespace surang::client
