// How one connection fares after its first answer: what has come, how fast, and whether it stands still. Fed
// by its Stream (watched_stream), judged here. Pure: every time is given.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "client/detection/answer_tracker.hpp"
#include "client/detection/goodput_memory.hpp"
#include "client/detection/record_tracker.hpp"
#include "client/detection/signals.hpp"

namespace surang::client {

/// So much from the site is a way that works: most boxes that stand still later do so before that.
inline constexpr std::uint64_t kCredit = 64 * 1024;
/// So far is followed whether a connection stands still in the middle of what the site sends; what is copied
/// up to there costs a large transfer nothing that can be measured.
inline constexpr std::uint64_t kFollowed = 512 * 1024;

enum class Stall {
  none,
  in_record,   ///< in the middle of a TLS record: the site has sealed and sent the rest
  unanswered,  ///< between records, after as little as boxes let through, and something was said since
  in_answer,   ///< in the middle of an answer of plain HTTP, which the site may hold back itself
};

enum class Pace { unknown, fine, slow };

class Progress {
 public:
  /// `rtt` is zero where it is not known. `own`: nothing pauses on this side, as a browser may.
  Progress(FirstFlight::Kind kind, std::size_t flight_size, Clock::duration rtt, Clock::time_point now,
           bool own = false);

  /// The first flight itself, where what it says matters.
  void said_first(std::span<const std::uint8_t> flight);
  void from_site(std::span<const std::uint8_t> bytes, Clock::time_point now);
  void to_site(std::span<const std::uint8_t> bytes, Clock::time_point now);
  /// What has come is passed on, and more is waited for. Time spent otherwise is the browser's own.
  void waits(Clock::time_point now);

  std::uint64_t received() const noexcept { return received_; }
  std::uint64_t sent() const noexcept { return sent_; }
  bool in_record() const noexcept { return tls_ && from_.in_record(); }
  bool in_answer() const noexcept { return !tls_ && answers_.owed(); }
  /// Its records or answers can be followed.
  bool tracked() const noexcept { return tls_ ? from_.known() : answers_.known(); }
  /// In the middle of an answer whose length the site has said.
  bool announced() const noexcept { return !tls_ && answers_.announced(); }
  Clock::duration idle(Clock::time_point now) const { return now - last_; }

  /// How long more has been waited for in vain.
  Clock::duration waited(Clock::time_point now) const;
  /// Stands still for longer than a lossy network explains: max(3 s, 4 round trips) in the middle of a
  /// record, max(4 s, 5) of an answer, max(5 s, 6) unanswered. Not beyond kFollowed.
  Stall stall(Clock::time_point now) const;
  /// Whether it may come to that without anything more being said.
  bool may_stall() const;

  /// 64 KB, or 3 s of what only the network delays: the time that it stood in the middle of records.
  bool measured() const;
  /// Bytes a second while they came without a pause of the site's or the browser's making, a few losses left
  /// out.
  double rate() const;
  /// The same with what was lost.
  double rate_with_losses() const;
  Goodput goodput() const;
  /// Slow: measured, and below a fifth of what other sites reach here; with nothing known of others, under 30
  /// kB/s. A long round trip alone does not make it slow, nor do losses as others
  /// have them: it must keep less under way, and be under a third with all its losses, too.
  Pace pace(const std::optional<Goodput>& others) const;

  /// The browser took the certificate for a false one: it said so, and nothing else.
  bool certificate_refused() const;

 private:
  void count(Clock::duration gap, bool in_record);
  double rate_over(Clock::duration time) const;
  Clock::duration by_chance() const { return longest_[0] + longest_[1]; }

  bool tls_, own_;
  Clock::duration rtt_;
  RecordTracker from_;
  AnswerTracker answers_;
  std::uint64_t received_ = 0, sent_ = 0;
  Clock::time_point last_;
  std::optional<Clock::time_point> waiting_since_;
  std::optional<Clock::time_point> asked_at_;  // first, since the last byte that came
  Clock::duration busy_{}, in_records_{};
  std::array<Clock::duration, 2> longest_{};  // of the gaps in busy_, which a lossy network explains
  std::uint64_t busy_bytes_ = 0;
  std::array<std::uint8_t, 48> said_{};  // behind the first flight
  std::size_t said_size_ = 0;            // of all; what is beyond said_ is counted only
};

}  // namespace surang::client
