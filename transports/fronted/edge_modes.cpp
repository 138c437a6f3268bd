#include "transports/fronted/edge_modes.hpp"

#include <algorithm>
#include <utility>

namespace surang::fronted {
namespace {

using namespace std::chrono_literals;

constexpr auto kSettled = 5s;  // after the first answer
constexpr auto kAfterEvidence = 1h;
constexpr auto kAfterFailure = 5min;
constexpr unsigned kMostDoublings = 4;
constexpr unsigned kMostDeaths = 3;
constexpr auto kOneDeath = 1s;       // within which all bodies of one connection go
constexpr auto kMostRoundTrip = 3s;  // whatever an edge makes of it

}  // namespace

EdgeModes::Standing EdgeModes::standing(Mode mode, Time now) const noexcept {
  // Where a body's bytes are held back, those of one that is answered are as well.
  if (mode == Mode::stream_one && !of(Mode::stream_up).works) return Standing::shut;
  const auto& state = of(mode);
  if (state.works) return Standing::open;
  if (state.on_trial || now < state.shut_until || round_trip_ == Clock::duration{}) return Standing::shut;
  if (now - first_answer_ < kSettled) return Standing::shut;
  return Standing::untried;
}

void EdgeModes::passed(Mode mode, Time now) noexcept {
  auto& state = of(mode);
  // What was asked before it failed elsewhere says nothing about now.
  if (now < state.shut_until) return;
  state.works = true;
  state.on_trial = false;
  state.passed = now;
}

void EdgeModes::held_back(Mode mode, Time now) noexcept {
  shut(mode, now + kAfterEvidence);
}

void EdgeModes::failed(Mode mode, Time now) noexcept {
  auto& state = of(mode);
  if (now < state.shut_until) return;  // one failure may be seen by several
  shut(mode, now + kAfterFailure * (1u << std::min(state.failures++, kMostDoublings)));
}

// One connection may die by chance, and with it whatever is open.
void EdgeModes::died(Mode mode, Time now) noexcept {
  auto& state = of(mode);
  if (now - std::exchange(state.died, now) < kOneDeath) return;
  if (++state.deaths >= kMostDeaths) failed(mode, now);
}

void EdgeModes::shut(Mode mode, Time until) noexcept {
  auto& state = of(mode);
  state.works = state.on_trial = false;
  if (until > state.shut_until) state.shut_until = until;
}

void EdgeModes::answered_after(Clock::duration round_trip, Time now) noexcept {
  if (round_trip_ == Clock::duration{}) first_answer_ = now;
  round_trip = std::clamp<Clock::duration>(round_trip, 1us, kMostRoundTrip);  // zero: not known
  round_trip_ = round_trip_ == Clock::duration{} ? round_trip : (7 * round_trip_ + round_trip) / 8;
}

}  // namespace surang::fronted
