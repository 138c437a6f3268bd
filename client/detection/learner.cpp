#include "client/detection/learner.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "client/detection/site_scope.hpp"
#include "transports/core/endpoint.hpp"

namespace surang::client {
namespace {

constexpr std::size_t kMostNetworks = 16;

std::string took(const Attempt& attempt) {
  const auto end = attempt.ended == Clock::time_point{} ? Clock::now() : attempt.ended;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(end - attempt.started).count();
  auto text = "after " + std::to_string(ms) + " ms";
  if (!attempt.view.detail.empty()) text += ", " + attempt.view.detail;
  return text;
}

Family family_of(const std::string& address) {
  return address.find(':') == address.npos ? Family::v4 : Family::v6;
}

}  // namespace

UnixSeconds unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Learner::Learner(VerdictStore& store, std::chrono::seconds first_expiry,
                 std::function<const NetworkIdentity*()> network,
                 std::shared_ptr<const ServiceGroups> services)
    : store_(store),
      first_expiry_(first_expiry),
      read_network_(std::move(network)),
      services_(std::move(services)) {}

const std::string& Learner::network() {
  const auto& now = *read_network_();
  if (now.id != network_) {
    if (network_.empty() || now.provisional != network_) {
      health_.forget();
      change_beliefs(now.id);
      leaning_.clear();
      doubted_.clear();
      proven_.clear();
      least_rtt_ = {};
      ++stay_;
    }
    network_ = now.id;
  }
  health_.link(now.link);
  return network_;
}

// How often hosts fail by chance, and how far they were believed to be blocked, is of a network like its
// verdicts.
void Learner::change_beliefs(const std::string& id) {
  if (!network_.empty()) {
    if (elsewhere_.size() >= kMostNetworks) elsewhere_.pop_front();
    elsewhere_.emplace_back(network_, std::exchange(beliefs_, BeliefBook()));
  }
  const auto there = std::find_if(elsewhere_.begin(), elsewhere_.end(),
                                  [&](const auto& entry) { return entry.first == id; });
  if (there == elsewhere_.end()) return;
  beliefs_ = std::move(there->second);
  elsewhere_.erase(there);
}

Stay Learner::stay() {
  (void)network();
  return stay_;
}

bool Learner::dead_address(const asio::ip::address& address) {
  const auto found = store_.find(network(), address.to_string(), Scope::address);
  return found && found->expires > unix_now();
}

void Learner::lean(const std::string& host, Clock::duration how_long) {
  leaning_.insert(host, Clock::now() + how_long);
}

void Learner::stop_leaning(const std::string& host) {
  leaning_.erase(host);
}

bool Learner::leaning(const std::string& host) const {
  return leaning_.contains(host, Clock::now());
}

void Learner::doubt_way(const std::string& host, Clock::duration how_long) {
  doubted_.insert(host, Clock::now() + how_long);
}

void Learner::trust_way(const std::string& host) {
  doubted_.erase(host);
}

bool Learner::way_in_doubt(const std::string& host) const {
  return doubted_.contains(host, Clock::now());
}

bool Learner::proven(const std::string& host, const asio::ip::address& address) const {
  return proven_.contains({host, {}}) || proven_.contains({host, address});
}

void Learner::prove(const std::string& host, std::optional<asio::ip::address> address) {
  if (proven_.size() > 10'000) proven_.clear();
  proven_.emplace(host, address);
}

void Learner::note(const std::string& host, Way way, Signal signal, std::string detail) {
  Evidence e;
  e.at = unix_now();
  e.way = way;
  e.signal = signal;
  e.detail = std::move(detail);
  store_.add_evidence(network(), host, e);
}

void Learner::saw(const std::string& host, const Attempt& attempt) {
  const auto now = Clock::now();
  const auto& view = attempt.view;
  if (view.way == Way::tunnel) {
    if (view.outcome == Outcome::failed && view.signal == Signal::tunnel_failed)
      health_.tunnel_failed(now);
    else if (view.outcome != Outcome::pending)
      health_.tunnel_worked(now);  // the bridge answered, whatever it said of the site
    return;
  }
  if (view.rtt > Clock::duration::zero() && (least_rtt_ == Clock::duration::zero() || view.rtt < least_rtt_))
    least_rtt_ = view.rtt;
  if (view.outcome == Outcome::validated) {
    health_.direct_worked(now);
    if (view.way == Way::direct && !health_.held(now)) beliefs_.worked(host, now);
  }
  const bool failed = view.outcome == Outcome::failed || view.outcome == Outcome::pending;
  if (failed && !attempt.presumed && may_be_network(view.signal))
    health_.direct_failed(now, registrable_domain(host));
}

Ruling Learner::conclude(const std::string& host, std::uint16_t port, const Attempt& direct,
                         const Attempt* other, Stay then, int times, bool last) {
  const auto now = Clock::now();
  Contrast contrast;
  contrast.direct = direct.view.signal;
  contrast.other_worked = other && other->view.outcome == Outcome::validated;
  if (other) contrast.other = other->view.way;
  contrast.same_network = still_on(then);
  contrast.network_alive = health_.alive(now);
  contrast.network_suspect = health_.suspect(now);
  auto ruling = rule_on(contrast);
  if (ruling == Ruling::convict && !beliefs_.failed(host, contrast.direct, times, now) && !last)
    ruling = Ruling::not_sure;
  if (ruling == Ruling::no_contrast && contrast.network_alive && !contrast.network_suspect)
    beliefs_.failed_by_chance(host, contrast.direct, now);
  spdlog::debug("{}: {} ({}), {}", host, to_string(direct.view.signal), took(direct), describe(ruling));
  if (ruling != Ruling::convict) return ruling;
  note(host, direct.view.way, direct.view.signal, took(direct));
  note(host, other->view.way, Signal::none, took(*other));
  convict_host(host, port, other->view.way, direct.view.signal, direct.tried_address());
  return ruling;
}

void Learner::failed_by_chance(const std::string& host, Signal signal) {
  const auto now = Clock::now();
  if (!health_.held(now)) beliefs_.failed_by_chance(host, signal, now);
}

bool Learner::nearly_sure(const std::string& host, Signal signal) const {
  return beliefs_.nearly_sure(host, signal, Clock::now());
}

bool Learner::suspicious(const std::string& host) const {
  return beliefs_.suspicious(host, Clock::now());
}

void Learner::convict_host(const std::string& host, std::uint16_t port, Way way, Signal signal,
                           const std::string& address) {
  Verdict fresh;
  fresh.network = network();
  fresh.subject = host;
  fresh.way = way;
  fresh.signal = signal;
  const bool by_address = is_connect(signal) || way == Way::direct_other_address;
  fresh.family = by_address ? family_of(address) : Family::any;
  if (by_address) fresh.address = address;
  fresh.port = port;
  const auto before = store_.find(fresh.network, host, Scope::host);
  const auto verdict = convict(before, fresh, unix_now(), first_expiry_);
  if (before && before->family != verdict.family) store_.erase(fresh.network, host, Scope::host);
  store_.put(verdict);
  spdlog::info("a site is blocked on this network ({}): by {} from now on", to_string(signal),
               to_string(way));
  widen(verdict);
}

void Learner::prefer(const std::string& host, std::uint16_t port, const Attempt& direct,
                     const Attempt& other) {
  note(host, other.view.way, Signal::none, took(other));
  convict_host(host, port, other.view.way, direct.view.signal, direct.tried_address());
}

Verdict Learner::begin_retest(Verdict verdict) {
  verdict.probed = unix_now();
  verdict.probe = verdict.probed + probe_after(verdict.probes + 1, first_expiry_, verdict.subject).count();
  store_.put(verdict);
  return verdict;
}

void Learner::renew(const Verdict& verdict, Signal signal) {
  auto renewed = verdict;
  renewed.signal = signal;
  renewed.step = std::min(verdict.step + 1, 4);
  renewed.probes = verdict.probes + 1;
  renewed.expires = unix_now() + expiry_after(renewed.step, first_expiry_).count();
  store_.put(renewed);
  note(verdict.subject, Way::direct, signal, "retested");
  widen(renewed);
}

void Learner::hold(const Verdict& verdict) {
  auto held = verdict;
  const auto period = expiry_after(verdict.step, first_expiry_).count();
  held.expires = std::max(unix_now(), verdict.probe) + period;  // not before it is tried again
  store_.put(held);
  widen(held);
}

}  // namespace surang::client
