#include "client/detection/shared_pages.hpp"

#include <algorithm>

#include "client/detection/site_scope.hpp"

namespace surang::client {

template <class Map>
void SharedPages::make_room(Map& map, Time now) {
  if (map.size() < kMost) return;
  std::erase_if(map, [&](const auto& entry) { return now - entry.second.last > kKept; });
  if (map.size() < kMost) return;
  map.erase(std::min_element(map.begin(), map.end(),
                             [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
}

PageStanding SharedPages::shown(const std::string& network, const std::string& host, const std::string& page,
                                Time now) {
  if (const auto known = harmless_.find(page); known != harmless_.end()) {
    if (now - known->second.last <= kKept) return PageStanding::harmless;
    harmless_.erase(known);
  }
  const std::pair key(network, page);
  auto there = pages_.find(key);
  if (there != pages_.end() && now - there->second.last > kKept) {
    pages_.erase(there);
    there = pages_.end();
  }
  if (there == pages_.end()) {
    make_room(pages_, now);
    pages_[key] = {registrable_domain(host), false, now};
    return PageStanding::alone;
  }
  auto& entry = there->second;
  entry.last = now;
  entry.shared = entry.shared || !same_owner(entry.domain, host);
  return entry.shared ? PageStanding::shared : PageStanding::alone;
}

void SharedPages::harmless(const std::string& page, Time now) {
  if (!harmless_.contains(page)) make_room(harmless_, now);
  harmless_[page].last = now;
}

}  // namespace surang::client
