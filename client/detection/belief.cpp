#include "client/detection/belief.hpp"

#include <algorithm>
#include <cmath>

namespace surang::client {
namespace {

using namespace std::chrono_literals;

// A test ends in error once in about e^12 times; a site that never failed before needs three failures for that.
constexpr double kSure = 12, kAtMost = 16;
// A block lets hardly anything through.
constexpr double kFailsWhenBlocked = 0.97;
// A success while the site fails by chance as seldom as most do.
constexpr double kLeast = 0.3;
constexpr double kAfterwards = 8, kAfterDoubt = 4, kSuspicious = 3;
constexpr std::size_t kMostHosts = 4096;

double halves(Clock::duration passed, Clock::duration half_life) {
  return std::exp2(-std::chrono::duration<double>(passed) / std::chrono::duration<double>(half_life));
}

}  // namespace

bool is_proof(Signal signal) noexcept {
  switch (signal) {
    case Signal::forged_rst:
    case Signal::tls_certificate:
    case Signal::dns_nxdomain:
    case Signal::dns_bogon:
    case Signal::dns_sinkhole:
    case Signal::dns_late_answer:
    case Signal::dns_differs:
    case Signal::frozen:
    case Signal::throttled:
      return true;
    default:
      return false;
  }
}

void FailureRate::fade(Clock::time_point now) {
  if (at_ != Clock::time_point{}) {
    // Towards the prior.
    const double keep = halves(now - at_, 6h);
    fails_ = prior_ * strength_ + (fails_ - prior_ * strength_) * keep;
    works_ = (1 - prior_) * strength_ + (works_ - (1 - prior_) * strength_) * keep;
  }
  at_ = now;
}

void FailureRate::add(double works, double fails, Clock::time_point now) {
  fade(now);
  works_ += works;
  fails_ += fails;
}

double FailureRate::share(Clock::time_point now) const {
  auto copy = *this;
  copy.fade(now);
  return copy.fails_ / (copy.fails_ + copy.works_);
}

double BeliefBook::faded(const Host& host, Clock::time_point now) {
  return host.score * halves(now - host.at, 1h);
}

BeliefBook::Host& BeliefBook::entry(const std::string& host, Clock::time_point now) {
  if (hosts_.size() >= kMostHosts && !hosts_.contains(host)) hosts_.clear();
  auto& h = hosts_[host];
  if (h.at != Clock::time_point{}) h.score = faded(h, now);
  h.at = now;
  return h;
}

double BeliefBook::weight(const Host* host, Signal signal, Clock::time_point now) const {
  if (is_proof(signal)) return kSure;
  const double network = (is_silence(signal) ? silent_ : quick_).share(now);
  const double own = host ? host->rate.share(now) : kHostPrior;
  return std::max(kLeast, std::log(kFailsWhenBlocked / std::max(network, own)));
}

void BeliefBook::worked(const std::string& host, Clock::time_point now) {
  auto& h = entry(host, now);
  quick_.add(1, h.quick, now);
  silent_.add(1, h.silent, now);
  h.rate.add(1, h.quick + h.silent, now);
  h.quick = h.silent = 0;
  h.score = std::max(0.0, h.score + std::log((1 - kFailsWhenBlocked) / (1 - h.rate.share(now))));
}

void BeliefBook::failed_by_chance(const std::string& host, Signal signal, Clock::time_point now) {
  entry(host, now).rate.add(0, 1, now);
  (is_silence(signal) ? silent_ : quick_).add(0, 1, now);
}

bool BeliefBook::failed(const std::string& host, Signal signal, int times, Clock::time_point now) {
  auto& h = entry(host, now);
  h.score = std::min(kAtMost, h.score + times * weight(&h, signal, now));
  (is_silence(signal) ? h.silent : h.quick) += times;
  if (h.score < kSure) return false;
  h.convicting = h.quick + h.silent;
  h.quick = h.silent = 0;  // no chance
  return true;
}

bool BeliefBook::nearly_sure(const std::string& host, Signal signal, Clock::time_point now) const {
  const auto it = hosts_.find(host);
  return it != hosts_.end() && faded(it->second, now) + weight(&it->second, signal, now) >= kSure;
}

void BeliefBook::acquitted(const std::string& host, bool at_once, Clock::time_point now) {
  auto& h = entry(host, now);
  h.score = at_once ? kAfterDoubt : kAfterwards;
  if (at_once) h.rate.add(0, h.convicting, now);
  h.quick = h.silent = h.convicting = 0;
}

bool BeliefBook::suspicious(const std::string& host, Clock::time_point now) const {
  const auto it = hosts_.find(host);
  return it != hosts_.end() && faded(it->second, now) >= kSuspicious;
}

}  // namespace surang::client
