#include "client/detection/family_memory.hpp"

#include <algorithm>

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kBroken = 10min;
constexpr auto kTrial = 30s;        // for one that is under way; then another may begin
constexpr auto kHeadStart = 150ms;  // of a family that did not answer, by which it counts as silent

bool broken(const ConnectAttempt& v6, const ConnectAttempt& v4) {
  const auto signal = connect_failure(v6.result, v6.took);
  if (signal == Signal::tcp_icmp || signal == Signal::tcp_silence) return true;
  return v6.result == asio::error::operation_aborted && v6.took > v4.took + kHeadStart;
}

}  // namespace

std::vector<asio::ip::address> FamilyMemory::order(std::vector<asio::ip::address> addresses,
                                                   Clock::time_point now) {
  const auto v6 = [](const auto& a) { return a.is_v6(); };
  if (!next_trial_ || addresses.empty() || !addresses.front().is_v6() ||
      std::all_of(addresses.begin(), addresses.end(), v6))
    return addresses;
  if (now >= *next_trial_) {
    next_trial_ = now + kTrial;
    return addresses;
  }
  std::vector<asio::ip::address> ordered;
  for (const bool last : {false, true})
    for (const auto& a : addresses)
      if (v6(a) == last) ordered.push_back(a);
  return ordered;
}

void FamilyMemory::saw(std::span<const ConnectAttempt> connects, Clock::time_point now) {
  const auto won = std::find_if(connects.begin(), connects.end(), [](const auto& c) { return !c.result; });
  if (won == connects.end()) return;  // neither works: not a matter of families
  if (won->to.address().is_v6()) return forget();
  for (const auto& c : connects) {
    if (!c.to.address().is_v6() || !broken(c, *won)) continue;
    const Host host{c.to.address(), won->to.address(), now};
    const bool before = once_ && now - once_->at < kBroken;
    if (next_trial_ || (before && once_->v6 != host.v6 && once_->v4 != host.v4))
      next_trial_ = now + kBroken;
    else if (!before)
      once_ = host;
    return;
  }
}

void FamilyMemory::forget() {
  once_.reset();
  next_trial_.reset();
}

}  // namespace surang::client
