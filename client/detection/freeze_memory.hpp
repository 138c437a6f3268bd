// Where connections to a host stood still, for hosts that no proof of our own can show to be frozen because
// they give less than a box lets through. What the browser's own connections show is a belief, not a proof:
// several of them, minutes apart, that stood still at like points while the site answered anew, other sites'
// connections went on, and the tunnel carried more for the same host. Pure; every time is given. Kept by
// goodput_monitor.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "client/detection/signals.hpp"

namespace surang::client {

struct StoodStill {
  std::uint64_t received = 0;   ///< bytes from the site, as they travel
  Clock::time_point last;       ///< when the last of them came
  bool others_went_on = false;  ///< connections to other domains, older than that, brought more since
};

class FreezeMemory {
 public:
  /// The site answered anew meanwhile.
  void froze(const std::string& host, const StoodStill& where);
  /// A direct connection brought so much: nothing stands still before that.
  void passed(const std::string& host, std::uint64_t received);
  /// Another way did.
  void carried(const std::string& host, std::uint64_t received, Clock::time_point now);

  /// Whether other ways are of interest: there is something to compare them with.
  bool knows(const std::string& host) const { return hosts_.contains(host); }
  /// Where it stood still last.
  std::optional<std::uint64_t> point(const std::string& host) const;
  /// Beyond chance: twice, or three times where nothing is known of others, and the other way went beyond.
  /// Once is enough within a day of the last such belief.
  bool believed(const std::string& host, Clock::time_point now) const;
  /// It was convicted.
  void convicted(const std::string& host, Clock::time_point now);
  /// Another network.
  void forget() { hosts_.clear(); }

 private:
  struct Host {
    std::deque<StoodStill> seen;  // oldest first
    std::uint64_t carried = 0;
    Clock::time_point carried_at{}, convicted_at{};
  };
  Host& entry(const std::string& host);

  std::map<std::string, Host> hosts_;
};

/// What has to come beyond `point` for it to be past it: boxes count packets, not bytes.
std::uint64_t beyond(std::uint64_t point) noexcept;

}  // namespace surang::client
