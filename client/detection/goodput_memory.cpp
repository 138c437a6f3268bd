#include "client/detection/goodput_memory.hpp"

#include <algorithm>
#include <vector>

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kReachedLately = 10min;
constexpr std::size_t kMostDomains = 64;
constexpr std::size_t kLeastDomains = 2;

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void GoodputMemory::add(const std::string& domain, Goodput reached, Clock::time_point now) {
  const auto it = known_.find(domain);
  if (it != known_.end()) {
    if (reached.rate >= it->second.best.rate || now - it->second.at > kReachedLately)
      it->second = {reached, now};
    return;
  }
  if (known_.size() >= kMostDomains)
    known_.erase(std::min_element(known_.begin(), known_.end(),
                                  [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
  known_.emplace(domain, Known{reached, now});
}

std::optional<Goodput> GoodputMemory::others(const std::string& domain, Clock::time_point now) const {
  std::vector<double> rates, windows, with_losses;
  for (const auto& [name, known] : known_) {
    if (name == domain || now - known.at > kReachedLately) continue;
    rates.push_back(known.best.rate);
    if (known.best.window > 0) windows.push_back(known.best.window);
    if (known.best.with_losses > 0) with_losses.push_back(known.best.with_losses);
  }
  if (rates.size() < kLeastDomains) return std::nullopt;
  return Goodput{median(rates), median(windows), median(with_losses)};
}

}  // namespace surang::client
