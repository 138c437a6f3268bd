// The page that unrelated sites show on one network: a censor's block page does that, and so do parking
// pages, content networks and fresh web servers, which is why it asks for contrast and proves nothing. Pure:
// every time is given.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>

namespace surang::client {

enum class PageStanding {
  alone,     ///< seen on one site here
  shared,    ///< unrelated sites show it on this network
  harmless,  ///< some site's own, as a tunnel showed
};

class SharedPages {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMost = 1024;             ///< pages remembered; the oldest give way
  static constexpr auto kKept = std::chrono::hours(24);  ///< after it was last shown

  /// Notes that `host`, asked directly on `network`, showed `page` (its digest, or the place that it
  /// redirects to).
  PageStanding shown(const std::string& network, const std::string& host, const std::string& page, Time now);

  /// The page came by a way round this network: it is some sites' own, and is asked about no more.
  void harmless(const std::string& page, Time now);

 private:
  struct Page {
    std::string domain;  // the first that showed it
    bool shared = false;
    Time last;
  };
  template <class Map>
  static void make_room(Map& map, Time now);

  std::map<std::pair<std::string, std::string>, Page> pages_;  // by network and page
  std::map<std::string, Page> harmless_;
};

}  // namespace surang::client
