// Names that count for a while each. Bounded: with too many of them all are forgotten. Pure; used by learner.
#pragma once

#include <map>
#include <string>

#include "client/detection/signals.hpp"

namespace surang::client {

class TimedSet {
 public:
  void insert(const std::string& name, Clock::time_point until) {
    if (until_.size() >= kMost) until_.clear();
    until_[name] = until;
  }
  void erase(const std::string& name) { until_.erase(name); }
  bool contains(const std::string& name, Clock::time_point now) const {
    const auto it = until_.find(name);
    return it != until_.end() && it->second > now;
  }
  void clear() { until_.clear(); }

 private:
  static constexpr std::size_t kMost = 1000;
  std::map<std::string, Clock::time_point> until_;
};

}  // namespace surang::client
