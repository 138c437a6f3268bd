// why, check and convictions: what Router believes and what it sees, in words.
#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <ctime>

#include "client/detection/control_word.hpp"
#include "client/detection/probe_flight.hpp"
#include "client/detection/site_scope.hpp"
#include "client/routing/router_core.hpp"

namespace surang::client {
namespace {

namespace json = boost::json;

std::string ago(UnixSeconds seconds) {
  const bool past = seconds >= 0;
  if (!past) seconds = -seconds;
  std::string text;
  if (seconds < 90)
    text = std::to_string(seconds) + " s";
  else if (seconds < 90 * 60)
    text = std::to_string((seconds + 30) / 60) + " min";
  else
    text = std::to_string((seconds + 1800) / 3600) + " h";
  return past ? text + " ago" : "in " + text;
}

std::string_view scope_word(Scope scope) {
  constexpr std::array<std::string_view, 4> kWords{"host", "domain", "address", "service"};
  return kWords[static_cast<std::size_t>(scope)];
}

json::object to_json(const Verdict& v) {
  json::object o;
  o["subject"] = v.subject;
  o["scope"] = scope_word(v.scope);
  o["family"] = v.family == Family::any ? "any" : v.family == Family::v4 ? "ipv4" : "ipv6";
  o["way"] = to_string(v.way);
  o["signal"] = to_string(v.signal);
  o["since"] = v.since;
  o["expires"] = v.expires;
  o["step"] = v.step;
  o["network"] = v.network;
  return o;
}

std::string_view how(Way way) {
  switch (way) {
    case Way::direct:
      return "goes directly";
    case Way::direct_encrypted_dns:
      return "goes directly, to the address that encrypted DNS gives";
    case Way::tunnel:
      return "goes through the tunnel";
    case Way::direct_fragmented:
      return "goes directly, with its name cut over several TLS records";
    case Way::direct_split:
      return "goes directly, with its name cut over several packets";
    case Way::direct_other_address:
      return "goes directly, to another of its addresses";
  }
  return "";
}

// What worked where the direct way did not.
std::string_view what_worked(Way way) {
  switch (way) {
    case Way::direct:
      return "the direct way";
    case Way::direct_encrypted_dns:
      return "its true address";
    case Way::tunnel:
      return "the tunnel";
    case Way::direct_fragmented:
    case Way::direct_split:
      return "the same with its name sent in pieces";
    case Way::direct_other_address:
      return "another of its addresses";
  }
  return "";
}

std::string belongs_to(const Verdict& v) {
  if (v.scope == Scope::domain) return " Other names of " + v.subject + " are blocked too.";
  if (v.scope == Scope::service) return " It belongs to " + v.subject + ", which goes one way as a whole.";
  return {};
}

// When what is believed may change.
std::string next_look(const Verdict& v, bool sensitive, UnixSeconds now) {
  const auto end = "this ends " + ago(now - v.expires);
  if (sensitive) return end + ", and nobody asks for it meanwhile.";
  const auto probe = std::max(v.probe, now + 1);
  if (v.scope != Scope::host || probe >= v.expires) return end + ".";
  return "while it is in use, the direct way is tried again " + ago(now - probe) + "; otherwise " + end + ".";
}

// Lately, and nothing could be done about it.
bool stood_still(const std::vector<Evidence>& evidence, UnixSeconds now) {
  constexpr UnixSeconds kLately = 1800;
  return std::any_of(evidence.begin(), evidence.end(), [&](const auto& e) {
    return e.signal == Signal::frozen && e.way != Way::tunnel && now - e.at < kLately;
  });
}

struct Tried {
  bool works = false, more_addresses = false;
  Signal signal = Signal::none;
  Clock::duration took{};
  std::string detail, address;
};

}  // namespace

json::object Router::why(std::string host) {
  auto& core = *core_;
  json::object o;
  const auto& network = core.learner.network();
  const auto now = unix_now();
  o["host"] = host;
  o["network"] = network;
  if (const auto service = core.services->group_of(host)) o["service"] = *service;
  if (core.is_sensitive(host)) o["sensitive"] = true;

  std::string text;
  const auto* rule = core.rules.match(host);
  const auto made = Endpoint::make(host, 443);
  auto verdict = core.learner.known(host);
  if (!verdict) verdict = core.learner.store().find(network, host, Scope::host);  // what was believed
  Way way = Way::direct;
  if (rule) {
    using config::RuleAction;
    o["rule"] = rule->pattern;
    way = rule->action == RuleAction::always_tunnel ? Way::tunnel : Way::direct;
    text = host +
           (rule->action == RuleAction::never ? std::string(" is refused") : " " + std::string(how(way))) +
           ", because your rule for " + rule->pattern + " says so.";
    if (rule->action == RuleAction::never) o["refused"] = true;
  } else if (made && core.parts.is_local(*made)) {
    text = host + " is on this computer or its own network: it always goes directly.";
  } else if (made && !made->address() && core.parts.names->pinned(made->host())) {
    text =
        host + " stands in this computer's hosts file: it always goes directly, to the address given there.";
  } else if (verdict && verdict->expires > now) {
    way = verdict->way;
    if (way == Way::tunnel && !core.tunnel) way = Way::direct;
    for (auto& [key, value] : to_json(*verdict)) o[key] = value;
    text = host + " is blocked on this network: " + std::string(describe(verdict->signal)) + ", while " +
           std::string(what_worked(verdict->way)) + " worked at the same time (" + ago(now - verdict->since) +
           ")." + belongs_to(*verdict) + " It " + std::string(how(way)) + "; " +
           next_look(*verdict, core.is_sensitive(host), now);
  } else if (core.learner.leaning(host) || core.learner.way_in_doubt(host) ||
             core.concluding.contains(host)) {
    const auto worked =
        core.learner.way_in_doubt(host) ? Way::tunnel : core.evasion_memory.of(host).value_or(Way::tunnel);
    way = cuts_hello(worked) ? worked : core.tunnel ? Way::tunnel : Way::direct;
    text = host + " has just failed directly, while " + std::string(what_worked(worked)) +
           " worked; this is being confirmed.";
  } else {
    const bool still = !core.tunnel && stood_still(core.learner.store().evidence(network, host), now);
    text =
        host + (still ? " goes directly, though its connections stand still in the middle of answers on this "
                        "network: only a bridge would go round that."
                      : " goes directly: nothing speaks against it on this network.");
    if (verdict) text += " It was blocked until " + ago(now - verdict->expires) + ".";
  }
  o["way"] = to_string(way);

  json::array evidence;
  for (const auto& e : core.learner.store().evidence(network, host)) {
    json::object item;
    item["at"] = e.at;
    item["way"] = to_string(e.way);
    item["signal"] = to_string(e.signal);
    item["works"] = e.signal == Signal::none;
    item["detail"] = e.detail;
    text += "\n  " + ago(now - e.at) + ", " + std::string(to_string(e.way)) + ": " +
            (e.signal == Signal::none ? "worked" : std::string(describe(e.signal))) +
            (e.detail.empty() ? "" : " (" + e.detail + ")");
    evidence.push_back(std::move(item));
  }
  o["evidence"] = std::move(evidence);
  o["text"] = text;
  return o;
}

asio::awaitable<json::object> Router::check(std::string host) {
  const auto core = core_;
  json::object o;
  o["host"] = host;
  const auto parsed = Endpoint::parse(host, 443);
  if (!parsed) {
    o["error"] = "no host name";
    o["text"] = host + " is not a host name or address.";
    co_return o;
  }
  const Endpoint& to = *parsed;
  o["host"] = to.host();
  std::vector<Way> ways{Way::direct};
  const bool pinned = !to.address() && core->parts.names->pinned(to.host());
  if (!pinned && !to.address() && core->parts.names->has_encrypted())
    ways.push_back(Way::direct_encrypted_dns);
  const auto flight = std::make_shared<const FirstFlight>(probe_flight_for(to.host(), to.port()));
  if (!pinned) {
    const auto evasions = core->evasions(to, flight.get());
    ways.insert(ways.end(), evasions.begin(), evasions.end());
    if (core->tunnel) ways.push_back(Way::tunnel);
  }

  json::array tried;
  AttemptTools with = core->tools();
  Tried direct;  // evasions are for what it has met
  DirectSide here;
  auto& named = here.addresses;  // by the network's name server
  std::string text = to.to_string() + ":";
  for (const Way way : ways) {
    if (is_evasion(way) && (direct.works || !may_help(way, direct.signal, direct.more_addresses))) continue;
    std::vector<PlannedWay> plan{{way, StartWhen::at_once}};
    auto limits = core->limits();
    limits.budget = std::chrono::seconds(is_evasion(way) ? 3 : 8);  // silence is their answer by then
    const auto begun = Clock::now();
    const auto race = std::make_shared<Race>(core->executor, with, limits, std::move(plan), to, flight);
    const RaceEnd end{core, race};
    const auto winner = co_await race->run();
    const auto attempt = winner ? winner : race->by(way);
    Tried t;
    t.took = Clock::now() - begun;
    t.works = attempt->view.outcome == Outcome::validated;
    t.signal = attempt->view.outcome == Outcome::pending ? attempt->silence() : attempt->view.signal;
    t.detail = attempt->view.detail;
    if (way != Way::tunnel) t.address = attempt->tried_address();
    if (way == Way::direct) {
      t.more_addresses = attempt->view.more_addresses;
      direct = t;
      with = core->tools_after(*race);
      here.signal = t.works ? Signal::none : t.signal;
      if (!to.address()) named = attempt->addresses;
      if (t.signal == Signal::http_redirect) here.redirect = t.detail;
    }
    const bool told = way == Way::direct_encrypted_dns &&
                      (attempt->view.agrees || attempt->view.no_such_name || !attempt->addresses.empty());
    here.network_alive |= t.works || told;
    const bool same =
        way == Way::direct_encrypted_dns && std::any_of(named.begin(), named.end(), [&](const auto& address) {
          return std::count(attempt->addresses.begin(), attempt->addresses.end(), address) > 0;
        });

    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(t.took).count();
    auto words = t.works                      ? std::string("works")
                 : attempt->view.no_such_name ? std::string("encrypted DNS knows no such site")
                                              : std::string(describe(t.signal));
    words += ", " + std::to_string(ms) + " ms";
    if (!t.address.empty()) words += ", at " + t.address;
    if (same) words += ", as the network's name server says";
    if (!t.detail.empty()) words += " (" + t.detail + ")";
    text += "\n  " + std::string(to_string(way)) + ": " + words;
    json::object item;
    item["way"] = to_string(way);
    item["works"] = t.works;
    item["signal"] = to_string(t.signal);
    item["ms"] = ms;
    if (!t.address.empty()) item["address"] = t.address;
    item["text"] = words;
    tried.push_back(std::move(item));
  }
  o["ways"] = std::move(tried);
  if (core->parts.control && core->tunnel && !pinned && !core->parts.is_local(to)) {
    const auto there = co_await core->ask_bridge(to, to.host());
    // A ServerHello came, and where the name leads is in doubt: only a certificate tells who answers there.
    if (here.signal == Signal::none && there && names_differ(named, *there)) {
      auto proving = verified(core->executor, core->tools(), core->limits(), Way::direct, to, to.host(),
                              core->tls_context());
      const auto proof = co_await std::move(proving);
      if (proof || proof.error() == Errc::certificate) here.certificate = proof.has_value();
    }
    here.network_alive |= core->learner.health().alive(Clock::now());
    const auto word = judge_control(*core->block_pages, here, there);
    const auto words = describe(there);
    text += "\n  the bridge " + words + '\n' + std::string(describe(word));
    json::object bridge;
    if (there) {
      bridge["reaches"] = there->works();
      bridge["saw"] = json::parse(tunnel::to_text(*there));
    }
    bridge["text"] = words;
    o["bridge"] = std::move(bridge);
    o["means"] = to_string(word);
  }
  o["text"] = text;
  co_return o;
}

json::array Router::convictions() {
  json::array all;
  const auto now = unix_now();
  for (const auto& v : core_->learner.store().list(core_->learner.network()))
    if (v.expires > now) all.push_back(to_json(v));
  return all;
}

}  // namespace surang::client
