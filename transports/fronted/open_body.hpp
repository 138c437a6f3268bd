// The body of a request that is kept open and fed as the stream writes: when the bridge is to be asked
// whether its bytes have come, when it is to end, when it is given up, and what that says about the edge
// (PROTOCOL.md, fronted, Modes). Pure: it is told what happens and when. upload does what it says.
#pragma once

#include <deque>
#include <optional>

#include "transports/fronted/edge_modes.hpp"

namespace surang::fronted {

class OpenBody {
 public:
  using Time = EdgeModes::Time;
  enum class Step {
    ask,      ///< how far the bridge has come, by a request of its own
    end,      ///< in order
    give_up,  ///< what the bridge does not have goes another way
  };
  struct Due {
    Step step = Step::end;
    Time when = Time::max();  ///< that is, never
  };

  /// To begin with the stream's byte at `from`. A trial where `modes`, which must outlive it, has no answer
  /// yet. Its rests and ends come after `pace` times as long as usual, so that no two bodies look alike.
  OpenBody(EdgeModes& modes, Mode mode, std::uint64_t from, Time now, double pace = 1);
  ~OpenBody();
  OpenBody(const OpenBody&) = delete;
  OpenBody& operator=(const OpenBody&) = delete;

  Mode mode() const noexcept { return mode_; }
  std::uint64_t from() const noexcept { return from_; }
  /// Behind its last byte so far.
  std::uint64_t end() const noexcept { return end_; }
  /// How many bytes more it takes.
  std::size_t room() const noexcept;

  void asked_for(Time now) noexcept { begun_ = now; }  ///< the request is under way
  void writing(Time now) noexcept { stuck_since_ = now; }
  void fed(std::size_t n, Time now) noexcept;  ///< bytes that are on the connection; it is written no more
  void answer_began() noexcept;                ///< stream_one: its head is here
  void owed(Time now) noexcept;                ///< stream_one: the bridge says there is more for the answer
  void brought() noexcept { owed_since_.reset(); }     ///< the answer has brought some
  void acknowledged(std::uint64_t received) noexcept;  ///< by whatever answer
  void asked(Time now) noexcept;
  void told(std::uint64_t received, Time now) noexcept;  ///< the answer to that
  void untold(Time now) noexcept;                        ///< there was none
  void ending(Time now) noexcept;                        ///< no byte more
  void closed() noexcept;                                ///< its end is on the connection
  void dropped() noexcept;                               ///< nobody needs it, and no mode is to blame
  void gave_up(Time now) noexcept;
  /// The edge has cut it, or answered before its end.
  void broke(Time now) noexcept;
  void lost(Time now) noexcept;  ///< with its connection

  /// What is to be done next, and when.
  Due due() const noexcept;

 private:
  struct Mark {
    std::uint64_t offset;
    Time since;
  };
  using Duration = EdgeModes::Clock::duration;
  template <class D>
  Duration paced(D time) const noexcept {
    return std::chrono::duration_cast<Duration>(time * pace_);
  }
  bool headless() const noexcept { return mode_ == Mode::stream_one && !head_at_; }
  Time head_until() const noexcept;
  Time owed_until() const noexcept;
  Time ask_at() const noexcept;
  Time tell_until() const noexcept;
  Duration due_after() const noexcept;

  EdgeModes& modes_;
  const Mode mode_;
  const std::uint64_t from_;
  const double pace_;
  std::uint64_t end_;
  bool trial_ = false, held_back_ = false, over_ = false;
  bool untold_ = false;  // a question was asked for nothing
  std::optional<Time> begun_, ending_;
  std::optional<Time> stuck_since_, owed_since_;
  std::optional<std::uint64_t> head_at_;  // how much there was when the answer began
  // Places that were not acknowledged, and since when they are on the connection; not all of them.
  std::deque<Mark> missing_;
  std::optional<Mark> question_;  // whether it has come there, and since when that is asked
  Time last_fed_{};
};

}  // namespace surang::fronted
