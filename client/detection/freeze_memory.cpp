#include "client/detection/freeze_memory.hpp"

#include <algorithm>

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kLately = 1h, kCarriedLately = 1h, kRemembered = 24h;
// What stands still together did so for one reason, which may be chance.
constexpr auto kApart = 5s;
constexpr std::size_t kMostSeen = 8, kMostHosts = 64;
constexpr double kSure = 3, kAlone = 1, kAmongOthers = 1.5;

bool alike(std::uint64_t a, std::uint64_t b) {
  return std::max(a, b) <= beyond(std::min(a, b));
}

}  // namespace

std::uint64_t beyond(std::uint64_t point) noexcept {
  return point + point / 2 + 4096;
}

FreezeMemory::Host& FreezeMemory::entry(const std::string& host) {
  if (hosts_.size() >= kMostHosts && !hosts_.contains(host))
    hosts_.erase(std::min_element(hosts_.begin(), hosts_.end(), [](const auto& a, const auto& b) {
      return a.second.seen.back().last < b.second.seen.back().last;
    }));
  return hosts_[host];
}

void FreezeMemory::froze(const std::string& host, const StoodStill& where) {
  auto& h = entry(host);
  if (h.seen.size() == kMostSeen) h.seen.pop_front();
  h.seen.push_back(where);
}

void FreezeMemory::passed(const std::string& host, std::uint64_t received) {
  const auto it = hosts_.find(host);
  if (it != hosts_.end() && received > beyond(it->second.seen.back().received)) hosts_.erase(it);
}

void FreezeMemory::carried(const std::string& host, std::uint64_t received, Clock::time_point now) {
  const auto it = hosts_.find(host);
  if (it == hosts_.end()) return;
  auto& h = it->second;
  if (now - h.carried_at > kCarriedLately) h.carried = 0;
  if (received < h.carried) return;
  h.carried = received;
  h.carried_at = now;
}

std::optional<std::uint64_t> FreezeMemory::point(const std::string& host) const {
  const auto it = hosts_.find(host);
  if (it == hosts_.end()) return std::nullopt;
  return it->second.seen.back().received;
}

bool FreezeMemory::believed(const std::string& host, Clock::time_point now) const {
  const auto it = hosts_.find(host);
  if (it == hosts_.end()) return false;
  const auto& h = it->second;
  const auto& newest = h.seen.back();
  if (now - h.carried_at > kCarriedLately || h.carried <= beyond(newest.received)) return false;
  if (h.convicted_at != Clock::time_point{} && now - h.convicted_at < kRemembered) return true;
  double score = 0;
  std::optional<Clock::time_point> before;
  for (const auto& seen : h.seen) {
    if (now - seen.last > kLately || !alike(seen.received, newest.received)) continue;
    const bool together = before && seen.last - *before < kApart && *before - seen.last < kApart;
    before = seen.last;
    if (!together) score += seen.others_went_on ? kAmongOthers : kAlone;
  }
  return score >= kSure;
}

void FreezeMemory::convicted(const std::string& host, Clock::time_point now) {
  if (const auto it = hosts_.find(host); it != hosts_.end()) it->second.convicted_at = now;
}

}  // namespace surang::client
