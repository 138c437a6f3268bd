// What an edge lets through of a request that is still open, as the sessions that go by it have found out
// (PROTOCOL.md, fronted, Modes). Pure: it is told the time. Kept by Edge for all sessions of a dialer;
// written by open_body, asked by upload and edge_carrier.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace surang::fronted {

/// Beside packet-up, which works by every edge.
enum class Mode : std::uint8_t {
  stream_up,   ///< a POST is kept open, and its bytes come to the bridge as they are written
  stream_one,  ///< and the bridge answers it meanwhile
};

class EdgeModes {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  enum class Standing {
    shut,     ///< does not work here, or somebody is trying
    untried,  ///< to be found out; not while the first page is loaded, which a wrong guess would delay
    open,     ///< works
  };

  Standing standing(Mode mode, Time now) const noexcept;

  /// Nobody else tries from now on, until one of the following.
  void begin_trial(Mode mode) noexcept { of(mode).on_trial = true; }
  void end_trial(Mode mode) noexcept { of(mode).on_trial = false; }  ///< without an outcome
  void passed(Mode mode, Time now) noexcept;     ///< bytes have come while the request was open
  void held_back(Mode mode, Time now) noexcept;  ///< they have not, where they had to: an hour without it
  /// No telling why: some minutes without it, twice as many the next time, until one has lived.
  void failed(Mode mode, Time now) noexcept;
  /// A connection was lost with an open body: several in a row are as a failure.
  void died(Mode mode, Time now) noexcept;
  void lived(Mode mode) noexcept {
    of(mode).failures = of(mode).deaths = 0;
  }  ///< one has come to its own end

  /// When it was last seen to work; long ago where never.
  Time last_passed(Mode mode) const noexcept { return of(mode).passed; }

  /// A small request was answered so long after it was asked.
  void answered_after(Clock::duration round_trip, Time now) noexcept;
  /// Smoothed; zero before the first answer.
  Clock::duration round_trip() const noexcept { return round_trip_; }

 private:
  struct State {
    bool works = false, on_trial = false;
    Time passed{}, shut_until{}, died{};
    unsigned failures = 0, deaths = 0;  // in a row
  };
  State& of(Mode mode) noexcept { return states_[static_cast<std::size_t>(mode)]; }
  const State& of(Mode mode) const noexcept { return states_[static_cast<std::size_t>(mode)]; }
  void shut(Mode mode, Time until) noexcept;

  std::array<State, 2> states_;
  Clock::duration round_trip_{};
  Time first_answer_{};
};

}  // namespace surang::fronted
