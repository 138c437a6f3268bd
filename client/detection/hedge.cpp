#include "client/detection/hedge.hpp"

#include <algorithm>

#include "client/evasion/choice.hpp"

namespace surang::client {
namespace {

bool direct_kind(Way way) {
  return way != Way::tunnel;
}

// What another address for the same name may put right.
bool doubts_the_name(Signal signal) {
  return is_dns(signal) || signal == Signal::tls_certificate;
}

// The first doubtful answer of a direct way: what the browser gets when no other way says better.
std::optional<std::size_t> best_doubtful(std::span<const AttemptView> attempts) {
  for (const bool direct : {true, false})
    for (std::size_t i = 0; i < attempts.size(); ++i)
      if (attempts[i].outcome == Outcome::doubtful && direct_kind(attempts[i].way) == direct) return i;
  return std::nullopt;
}

// A direct answer in doubt that the tunnel's confirms.
std::optional<std::size_t> confirmed_page(std::span<const AttemptView> attempts) {
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    if (attempts[i].outcome != Outcome::doubtful || !direct_kind(attempts[i].way)) continue;
    for (const auto& other : attempts)
      if (!direct_kind(other.way) && confirms_page(other, attempts[i])) return i;
  }
  return std::nullopt;
}

// A winner that is certain by now.
std::optional<std::size_t> settled(std::span<const AttemptView> attempts) {
  if (const auto confirmed = confirmed_page(attempts)) return confirmed;
  for (std::size_t i = 0; i < attempts.size(); ++i)
    if (attempts[i].outcome == Outcome::validated) return i;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const auto& a = attempts[i];
    if (a.outcome != Outcome::doubtful || !direct_kind(a.way)) continue;
    for (const auto& b : attempts) {
      // Encrypted DNS confirms a private address, or knows nothing better; two ways giving one strange
      // answer, it is the site's. A strange certificate is not explained by an address.
      if (is_dns(a.signal) && (b.agrees || b.no_such_name)) return i;
      if (!direct_kind(b.way) && b.outcome == Outcome::doubtful && b.signal == a.signal &&
          b.detail == a.detail)
        return i;
    }
  }
  return std::nullopt;
}

constexpr Clock::duration kLargestRtt = std::chrono::seconds(2);

// A tunnel session that was dead without knowing lost the flight: the next dial gets a living one.
bool wants_redial(std::span<const AttemptView> attempts, const HedgeLimits& limits, Clock::time_point now) {
  const AttemptView* only = nullptr;
  for (const auto& a : attempts) {
    if (a.way != Way::tunnel) continue;
    if (only) return false;
    only = &a;
  }
  return only && only->outcome == Outcome::failed && only->signal == Signal::tunnel_failed && only->sent &&
         now < silent_at(*only, limits);
}

// When a direct way has given reason to try `way`: it has failed, or said something and heard nothing for
// long.
std::optional<Clock::time_point> reason_at(Way way, std::span<const AttemptView> attempts,
                                           const HedgeLimits& limits, Clock::time_point now) {
  std::optional<Clock::time_point> at;
  for (const auto& a : attempts) {
    if (!direct_kind(a.way) || is_evasion(a.way) || a.outcome == Outcome::validated) continue;
    const bool pending = a.outcome == Outcome::pending;
    if (pending && (!a.sent || a.stage != Stage::waiting)) continue;
    if (!may_help(way, pending ? Signal::tls_silence : a.signal, a.more_addresses)) continue;
    const auto then = pending ? hedge_at(a, limits) : now;
    at = at ? std::min(*at, then) : then;
  }
  return at;
}

// After the evasion before it: at once when that has failed, or when it has been silent for long as well.
std::optional<Clock::time_point> evade_at(Way way, std::span<const AttemptView> attempts,
                                          const HedgeLimits& limits, Clock::time_point now) {
  auto at = reason_at(way, attempts, limits, now);
  if (!at) return at;
  for (const auto& a : attempts)
    if (is_evasion(a.way) && a.outcome == Outcome::pending) at = std::max(*at, hedge_at(a, limits));
  return at;
}

// What an evasion that follows a quick failure has before the next way starts: to connect, to be answered, a
// little.
Clock::duration head_start(const AttemptView& evasion, const AttemptView& failed, const HedgeLimits& limits) {
  auto rtt = std::max(evasion.rtt, failed.rtt);
  if (rtt == Clock::duration::zero()) rtt = limits.least_rtt;
  if (rtt == Clock::duration::zero()) rtt = std::chrono::milliseconds(100);
  return 2 * std::min(rtt, kLargestRtt) + std::chrono::milliseconds(100);
}

// When a way that waits for the ones before it starts.
Clock::time_point after_others(std::span<const AttemptView> attempts, const HedgeLimits& limits,
                               Clock::time_point now) {
  const AttemptView *plain = nullptr, *evasion = nullptr, *failed = nullptr;  // the latest
  for (const auto& a : attempts) {
    if (a.outcome != Outcome::pending) {
      if (direct_kind(a.way) && !is_evasion(a.way)) failed = &a;
    } else {
      (is_evasion(a.way) ? evasion : plain) = &a;
    }
  }
  if (plain) return hedge_at(*plain, limits);
  if (!evasion) return now;
  if (!failed) return hedge_at(*evasion, limits);
  return is_silence(failed->signal) ? now : evasion->begun + head_start(*evasion, *failed, limits);
}

}  // namespace

bool confirms_page(const AttemptView& tunnel, const AttemptView& direct) {
  if (tunnel.outcome != Outcome::validated && tunnel.outcome != Outcome::doubtful) return false;
  if (!direct.page.empty() && direct.page == tunnel.page) return true;
  return direct.signal == Signal::http_redirect && tunnel.elsewhere;
}

Clock::time_point hedge_at(const AttemptView& a, const HedgeLimits& limits) {
  const auto rtt = a.rtt > Clock::duration::zero() ? a.rtt : std::min(limits.least_rtt, kLargestRtt);
  return a.last_life + limits.hedge_delay + rtt;
}

Clock::time_point silent_at(const AttemptView& a, const HedgeLimits& limits) {
  if (a.rtt > Clock::duration::zero()) return a.last_life + limits.silence + 2 * a.rtt;
  return a.last_life + silence_limit(limits);
}

Clock::duration silence_limit(const HedgeLimits& limits) {
  return limits.silence + 2 * std::max(limits.assumed_rtt, std::min(limits.least_rtt, kLargestRtt));
}

Step next_step(std::span<const PlannedWay> plan, std::span<const std::size_t> started,
               std::span<const AttemptView> attempts, bool replayable, const HedgeLimits& limits,
               Clock::time_point budget_end, Clock::time_point now) {
  Step step;
  const auto finish = [&](std::optional<std::size_t> winner) {
    step.kind = Step::Kind::finish;
    step.winner = winner;
    return step;
  };
  if (const auto winner = settled(attempts)) return finish(winner);
  if (now >= budget_end) return finish(best_doubtful(attempts));

  const AttemptView* pending = nullptr;  // the latest
  bool dns_doubt = false, tunnel_down = false, sent = false, no_such_name = false;
  for (const auto& a : attempts) {
    if (a.outcome == Outcome::pending) pending = &a;
    dns_doubt |= a.outcome != Outcome::pending && a.way == Way::direct && doubts_the_name(a.signal);
    tunnel_down |= a.outcome == Outcome::failed && a.signal == Signal::tunnel_failed;
    no_such_name |= a.no_such_name;
    sent |= a.sent;
  }
  // Encrypted DNS agrees that there is no such name: nothing a tunnel could change.
  if (no_such_name && !pending) return finish(best_doubtful(attempts));

  step.until = budget_end;
  if (const auto held = best_doubtful(attempts); held && pending) {
    // Contrast is worth a wait, but not a hanging browser.
    const auto hold_until = silent_at(*pending, limits);
    if (now >= hold_until) return finish(held);
    step.until = std::min(step.until, hold_until);
  }
  if (replayable && wants_redial(attempts, limits, now)) {
    const auto tunnel = std::find_if(started.begin(), started.end(),
                                     [&](std::size_t i) { return plan[i].way == Way::tunnel; });
    step.kind = Step::Kind::start;
    step.index = *tunnel;
    return step;
  }
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (std::find(started.begin(), started.end(), i) != started.end()) continue;
    const auto now_or_at = [&](Clock::time_point at) {
      if (at > now) {
        step.until = std::min(step.until, at);
        return false;
      }
      step.kind = Step::Kind::start;
      step.index = i;
      return true;
    };
    // A flight that may be said once only goes on as long as it has not been said.
    if (!replayable && (pending || sent)) continue;
    bool due = false;
    switch (plan[i].when) {
      case StartWhen::at_once:
        due = now_or_at(now);
        break;
      case StartWhen::on_dns_doubt:
        if (dns_doubt || (!pending && tunnel_down)) due = now_or_at(now);
        break;
      case StartWhen::hedge:
        due = now_or_at(after_others(attempts, limits, now));
        break;
      case StartWhen::evading:
        if (const auto at = evade_at(plan[i].way, attempts, limits, now)) due = now_or_at(*at);
        break;
      case StartWhen::when_tunnel_is_down:
        if (pending || !tunnel_down) break;
        if (!is_evasion(plan[i].way) || reason_at(plan[i].way, attempts, limits, now)) due = now_or_at(now);
        break;
    }
    if (due) return step;
  }
  if (!pending) return finish(best_doubtful(attempts));
  return step;
}

}  // namespace surang::client
