// What sites reach directly on this network lately, for judging one of them by the others. Pure: every time
// is given.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "client/detection/signals.hpp"

namespace surang::client {

struct Goodput {
  double rate = 0;    ///< bytes a second
  double window = 0;  ///< bytes under way in a round trip; zero where that is not known
  /// The rate when nothing of what losses cost is left out; zero where that is not known.
  double with_losses = 0;
};

class GoodputMemory {
 public:
  /// `domain` is registrable. The best that it reached lately is kept.
  void add(const std::string& domain, Goodput reached, Clock::time_point now);
  /// The median of other domains, of two at least.
  std::optional<Goodput> others(const std::string& domain, Clock::time_point now) const;
  void forget() { known_.clear(); }

 private:
  struct Known {
    Goodput best;
    Clock::time_point at;
  };
  std::map<std::string, Known> known_;
};

}  // namespace surang::client
