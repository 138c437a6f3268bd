// What a host's verdict says of others: of its registrable domain, of its service, of an address that they
// share.
#include <algorithm>

#include "client/detection/learner.hpp"
#include "client/detection/site_scope.hpp"
#include "transports/core/endpoint.hpp"

namespace surang::client {

std::optional<Verdict> Learner::known(const std::string& host) {
  // A service goes by the tunnel whole, even where another way served one of its hosts: a login keeps its
  // exit.
  if (const auto service = services_ ? services_->group_of(host) : std::nullopt)
    if (auto whole = store_.find(network(), *service, Scope::service); whole && whole->expires > unix_now())
      return whole;
  return of_host(host);
}

std::optional<Verdict> Learner::of_host(const std::string& host, UnixSeconds afterwards) {
  const auto& net = network();
  const auto now = unix_now();
  const auto holds = [&](const auto& v) { return v && v->expires + afterwards > now; };
  auto found = store_.find(net, host, Scope::host);
  if (!holds(found)) found = store_.find(net, registrable_domain(host), Scope::domain);
  if (!holds(found)) return std::nullopt;
  return found;
}

std::optional<Verdict> Learner::verdict(const std::string& host) {
  auto found = known(host);
  if (!found) return found;
  const auto now = unix_now();
  if (found->scope == Scope::service &&
      now - found->used >= 10)  // its hosts are in use, whichever is asked for
    for (const auto& member : members(found->subject)) store_.used(member, now);
  store_.used(*found, now);
  return found;
}

std::vector<Verdict> Learner::members(const std::string& service) {
  std::vector<Verdict> all;
  std::set<std::string> domains;
  for (const auto& pattern : services_->patterns(service)) {
    const auto domain = registrable_domain(pattern.substr(pattern.find_first_not_of("=*.")));
    if (!domains.insert(domain).second) continue;
    for (auto& v : store_.siblings(network(), domain, unix_now()))
      if (v.way == Way::tunnel && services_->group_of(v.subject) == service) all.push_back(std::move(v));
  }
  return all;
}

void Learner::regroup(const std::string& host) {
  const auto service = services_ ? services_->group_of(host) : std::nullopt;
  if (!service) return;
  auto all = members(*service);
  if (all.empty()) return store_.erase(network(), *service, Scope::service);
  const auto last = std::max_element(all.begin(), all.end(),
                                     [](const auto& a, const auto& b) { return a.expires < b.expires; });
  Verdict whole = *last;
  whole.subject = *service;
  whole.scope = Scope::service;
  whole.family = Family::any;
  whole.address.clear();
  store_.put(whole);
}

void Learner::widen(const Verdict& v) {
  regroup(v.subject);
  if (v.way == Way::direct_other_address) return;  // about one host's addresses
  const auto now = unix_now();
  const auto domain = registrable_domain(v.subject);
  if (domain.find('.') != domain.npos && !is_local_name(domain)) {
    Verdict wide = v;
    bool second = false;
    for (const auto& sibling : store_.siblings(v.network, domain, now)) {
      if (sibling.subject == v.subject) continue;
      second = true;
      if (sibling.way != wide.way) wide.way = Way::tunnel;
      wide.expires = std::max(wide.expires, sibling.expires);
    }
    if (second && !address_literal(v.subject)) {
      wide.subject = domain;
      wide.scope = Scope::domain;
      wide.family = Family::any;
      wide.address.clear();
      store_.put(wide);
    }
  }
  if (v.address.empty()) return;
  for (const auto& sibling : store_.at_address(v.network, v.address, now)) {
    if (sibling.subject == v.subject || !is_connect(sibling.signal)) continue;
    Verdict wide = v;
    wide.subject = v.address;
    wide.scope = Scope::address;
    store_.put(wide);
    break;
  }
}

void Learner::acquit(const std::string& host) {
  if (health_.held(Clock::now())) return;  // somebody else may have answered
  const auto& net = network();
  const auto own = store_.find(net, host, Scope::host);
  if (own && !own->address.empty()) store_.erase(net, own->address, Scope::address);
  store_.end(net, host, Scope::host, unix_now());
  store_.erase(net, registrable_domain(host), Scope::domain);
  regroup(host);
  beliefs_.acquitted(host, own && own->probes == 0, Clock::now());
  note(host, Way::direct, Signal::none, "works again");
}

}  // namespace surang::client
