// Follows the direct connections of the browser while they earn their credit and beyond: says what is
// suspect, never what is proved (routing/goodput_watch and freeze_watch look into it). One alarm for all of
// them, set only while something moves or may come to stand still. Behind kFollowed a connection is spliced,
// and only looked at once a second, by the kernel's counts, until it has been quiet for a minute.
#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "client/detection/freeze_memory.hpp"
#include "client/detection/goodput_memory.hpp"
#include "client/detection/watched_stream.hpp"
#include "transports/core/alarm.hpp"

namespace surang::client {

struct Suspicion {
  Suspicion(Signal what, const WatchedStream& stream);
  Signal signal;  ///< frozen, throttled, tls_certificate
  Way way;
  Clock::time_point since = Clock::now();
  Endpoint to;
  std::string host;
  std::uint64_t stream;  ///< its number
  std::uint64_t received;
  bool crawls = false;  ///< throttled: by less than a twentieth of what others reach
  bool heard = false;   ///< frozen: the site acknowledges what is said, or may; it may be its own pause
  StoodStill where{};   ///< frozen
};

class GoodputMonitor final : public StreamObserver, public std::enable_shared_from_this<GoodputMonitor> {
 public:
  /// `suspect` may be called from within an operation of the stream: it touches no stream then. `worked`: a
  /// connection has earned its credit, or ended in order. `went_beyond`: the tunnel carried more for a host
  /// than its direct connections did before they stood still; as `suspect`.
  GoodputMonitor(asio::any_io_executor executor, std::function<void(const Suspicion&)> suspect,
                 std::function<void()> worked, std::function<void(const std::string& host)> went_beyond = {});

  /// The Stream that takes `stream`'s place. One by the tunnel is followed only as far as wants() tells.
  StreamPtr follow(StreamPtr stream, Way way, Endpoint to, std::string host, const FirstFlight& flight,
                   std::span<const std::uint8_t> first_answer, Clock::duration rtt);
  /// What other sites than `host` reach here.
  std::optional<Goodput> others(const std::string& host) const;
  /// Where connections stood still.
  FreezeMemory& freezes() { return freezes_; }
  /// What the tunnel carries for `host` is of interest.
  bool wants(const std::string& host) const { return freezes_.knows(host); }
  /// Another network.
  void forget() {
    memory_.forget();
    freezes_.forget();
  }
  /// Nothing is said any more; connections go on unwatched.
  void stop();

  // Of suspected connections, which may have ended meanwhile.
  /// Whether it stands as still as it did.
  bool still(std::uint64_t stream) const;
  /// Nothing is held against it.
  void clear(std::uint64_t stream);
  /// Resets those to `host` that stand still, so that the browser tries again; how many. Where it may be the
  /// site's own pause only with `convicted`.
  std::size_t cut_stalled(const std::string& host, bool convicted = false);
  /// Ends those to `host` at their next pause, those that crawl at once.
  void end_slow(const std::string& host, bool at_once);

  void moved(WatchedStream& stream) override;
  void ending(WatchedStream& stream, bool by_site) override;
  void gone(WatchedStream& stream) noexcept override;

 private:
  using Active = boost::intrusive::list<
      WatchedStream,
      boost::intrusive::member_hook<WatchedStream, decltype(WatchedStream::active), &WatchedStream::active>,
      boost::intrusive::constant_time_size<false>>;

  void watch(WatchedStream& stream);
  void watch_aside(WatchedStream& stream);
  void contrast(WatchedStream& stream);
  void tick();
  void set_alarm();
  void look_aside(WatchedStream& stream, Clock::time_point now);
  /// One that waits for the rest of an answer: true once it is suspect.
  bool look_at_answer(WatchedStream& stream, Stall stall, Clock::time_point now);
  bool others_went_on(const WatchedStream& stream, Clock::time_point last) const;
  static bool stands_still(const WatchedStream& stream, Clock::time_point now);
  void look_at(WatchedStream& stream, Clock::time_point now);
  void measure(WatchedStream& stream, Clock::time_point now);
  void suspect(WatchedStream& stream, Signal signal, bool crawls = false, bool heard = false);

  asio::any_io_executor executor_;
  std::function<void(const Suspicion&)> suspect_;
  std::function<void()> worked_;
  std::function<void(const std::string&)> went_beyond_;
  GoodputMemory memory_;
  FreezeMemory freezes_;
  Active active_, aside_;
  Clock::time_point looked_aside_{};
  std::map<std::uint64_t, WatchedStream*> suspects_;
  std::uint64_t last_number_ = 0;
  Alarm alarm_;
  bool stopped_ = false;
};

}  // namespace surang::client
