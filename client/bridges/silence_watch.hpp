// When a session in use is to be asked whether it lives, and when its silence is reason to look for another
// beside it: two round trips and 500 ms after a use that nothing was heard since. Pure, with given times;
// lane_watch carries it out.
#pragma once

#include <chrono>

namespace surang::client {

class SilenceWatch {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Step {
    rest,     ///< nothing is owed
    wait,     ///< look again at next()
    ask,      ///< a PING is due; look again at next()
    suspect,  ///< it is silent
  };

  /// Something was sent that the far end reacts to. `heard`: when it was heard last; `rtt`: zero when
  /// unknown. True: look() is due at next(), which was not known before.
  bool used(Clock::time_point now, Clock::time_point heard, Clock::duration rtt);

  /// `waiting`: since when some stream has had no answer; the epoch: none has. After `rest` and `suspect` it
  /// watches no more until used.
  Step look(Clock::time_point now, Clock::time_point heard, Clock::time_point waiting);

  /// After `suspect`, where the far end's kernel still takes what is sent: a busy bridge or a crawl. True,
  /// once: wait on, until next().
  bool bear(Clock::time_point now);

  Clock::time_point next() const { return next_; }
  void rest() { watching_ = false; }

 private:
  Clock::duration patience() const;

  bool watching_ = false, borne_ = false;
  Clock::time_point asked_{};     // the first use since it was heard
  Clock::time_point pinged_{};    // zero: nothing is asked
  Clock::time_point answered_{};  // when a PING last was
  Clock::time_point next_{};
  Clock::duration rtt_{};
  int calm_ = 1;  // it lives, and a site is waited for all the same: asked so many times more rarely
};

}  // namespace surang::client
