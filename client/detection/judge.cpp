#include "client/detection/judge.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <set>

namespace surang::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kAliveFor = 10s;
constexpr auto kSuspectWithin = 5s;
constexpr std::size_t kSuspectDomains = 3;
constexpr auto kPeace = std::chrono::seconds(24h);
constexpr auto kMaxExpiry = std::chrono::seconds(24h);

bool within(const std::optional<Clock::time_point>& at, Clock::time_point now, Clock::duration d) {
  return at && now - *at <= d;
}

}  // namespace

void NetworkHealth::direct_worked(Clock::time_point now) {
  direct_ok_ = now;
  failures_.clear();
  outage_since_.reset();
}

void NetworkHealth::direct_failed(Clock::time_point now, std::string domain) {
  failures_.push_back({now, std::move(domain)});
  if (failures_.size() > 64) failures_.pop_front();
}

void NetworkHealth::tunnel_worked(Clock::time_point now) {
  tunnel_ok_ = now;
  outage_since_.reset();
}

void NetworkHealth::tunnel_failed(Clock::time_point now) {
  tunnel_bad_ = now;
}

void NetworkHealth::link(bool up) noexcept {
  if (up && !link_) outage_since_.reset();
  link_ = up;
}

void NetworkHealth::forget() {
  failures_.clear();
  direct_ok_.reset();
  tunnel_ok_.reset();
  tunnel_bad_.reset();
  outage_since_.reset();
}

bool NetworkHealth::alive(Clock::time_point now) const {
  return within(direct_ok_, now, kAliveFor) || within(tunnel_ok_, now, kAliveFor);
}

bool NetworkHealth::suspect(Clock::time_point now) const {
  return !link_ || held(now) || failing(now);
}

bool NetworkHealth::failing(Clock::time_point now) const {
  if (failures_.size() < kSuspectDomains) return false;
  std::set<std::string_view> domains;
  for (const auto& f : failures_)
    if (now - f.at <= kSuspectWithin) domains.insert(f.domain);
  return domains.size() >= kSuspectDomains;
}

bool NetworkHealth::outage(Clock::time_point now) {
  if (outage_since_) return true;
  const bool tunnel_down = tunnel_bad_ && (!tunnel_ok_ || *tunnel_ok_ < *tunnel_bad_);
  const bool all_fails = failing(now) && (tunnel_down || !within(tunnel_ok_, now, kAliveFor));
  const bool out = !link_ || all_fails || (within(tunnel_bad_, now, kAliveFor) && !alive(now));
  if (out) outage_since_ = now;
  return out;
}

Clock::duration NetworkHealth::outage_for(Clock::time_point now) const {
  return outage_since_ ? now - *outage_since_ : Clock::duration::zero();
}

Ruling rule_on(const Contrast& c) noexcept {
  if (c.direct == Signal::none) return Ruling::not_failed;
  if (c.direct == Signal::no_network || c.direct == Signal::other || c.direct == Signal::tunnel_failed)
    return Ruling::says_nothing;
  if (!c.other_worked) return Ruling::no_contrast;
  if (!c.same_network) return Ruling::network_changed;
  if (c.network_suspect) return Ruling::network_suspect;
  if (!c.network_alive) return Ruling::network_dead;
  return Ruling::convict;
}

std::string_view describe(Ruling ruling) noexcept {
  switch (ruling) {
    case Ruling::convict:
      return "blocked here: another way reached it at the same time";
    case Ruling::not_failed:
      return "works directly";
    case Ruling::no_contrast:
      return "failed by every way: the site or the network, not a block";
    case Ruling::says_nothing:
      return "failed for a reason that says nothing about the site";
    case Ruling::network_dead:
      return "nothing else worked on this network at that time";
    case Ruling::network_suspect:
      return "too much failed at once: the network, not the site";
    case Ruling::network_changed:
      return "the network changed meanwhile";
    case Ruling::not_sure:
      return "failed where another way worked, perhaps by chance";
  }
  return "?";
}

std::chrono::seconds expiry_after(int step, std::chrono::seconds first) noexcept {
  constexpr std::array<int, 5> kTimes{1, 5, 30, 180, 720};  // of two minutes: 2 min, 10 min, 1 h, 6 h, 24 h
  const auto i = static_cast<std::size_t>(std::clamp(step, 0, 4));
  return std::min(first * kTimes[i], std::max(kMaxExpiry, first));
}

std::chrono::seconds probe_after(int in_vain, std::chrono::seconds first, std::string_view salt) {
  const double growth = std::min(0.75 * std::pow(1.6, std::clamp(in_vain, 0, 8)), 5.0);
  const double jitter = 0.8 + static_cast<double>(std::hash<std::string_view>{}(salt) % 1000) / 2500;
  const auto seconds = static_cast<std::int64_t>(static_cast<double>(first.count()) * growth * jitter);
  return std::chrono::seconds(std::max<std::int64_t>(1, seconds));
}

Verdict convict(const std::optional<Verdict>& before, Verdict fresh, UnixSeconds now,
                std::chrono::seconds first) {
  fresh.since = now;
  fresh.used = now;
  fresh.step = 0;
  fresh.probes = 0;
  fresh.probed = now;
  fresh.probe = now + probe_after(0, first, fresh.subject).count();
  const bool holds = before && before->expires > now;
  if (holds) {
    // A second conviction while the first still holds is the same event, not a renewal.
    fresh.since = before->since;
    fresh.step = before->step;
    fresh.probes = before->probes;
    fresh.probed = before->probed;
    fresh.probe = before->probe;
  } else if (before && now - before->expires < kPeace.count()) {
    fresh.since = before->since;
    fresh.step = std::min(before->step + 1, 4);
  }
  fresh.expires = now + expiry_after(fresh.step, first).count();
  return fresh;
}

}  // namespace surang::client
