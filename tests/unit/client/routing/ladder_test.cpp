// rules and ladder.
#include <doctest.h>

#include "client/routing/ladder.hpp"
#include "client/routing/rules.hpp"
#include "transports/core/endpoint.hpp"

using namespace surang::client;
using surang::config::OnTunnelDown;
using surang::config::RuleAction;

namespace {

bool covers(std::string_view pattern, std::string_view host) {
  const auto parsed = Pattern::parse(pattern);
  return parsed && parsed->covers(host);
}

}  // namespace

TEST_CASE("patterns cover what they say") {
  CHECK(covers("example.com", "example.com"));
  CHECK(covers("Example.COM", "a.b.example.com"));
  CHECK(!covers("example.com", "badexample.com"));
  CHECK(covers("=example.com", "example.com"));
  CHECK(!covers("=example.com", "www.example.com"));
  CHECK(covers("*.example.com", "www.example.com"));
  CHECK(!covers("*.example.com", "example.com"));
  CHECK(covers("10.0.0.0/8", "10.200.3.4"));
  CHECK(!covers("10.0.0.0/8", "11.0.0.1"));
  CHECK(covers("93.184.1.1", "93.184.1.1"));
  CHECK(covers("2a00:93::/32", "2a00:93:1::5"));
  CHECK(!covers("2a00:93::/32", "2a00:94::5"));
  CHECK(covers("172.16.0.0/12", "172.31.255.255"));
  CHECK(!covers("172.16.0.0/12", "172.32.0.0"));
  CHECK(covers("0.0.0.0/0", "1.2.3.4"));
  CHECK(!covers("0.0.0.0/0", "example.com"));
  CHECK(covers("[2a00:93::1]", "2a00:93::1"));
  CHECK(covers("10.0.0.0/8", "::ffff:10.2.3.4"));
  CHECK(covers("::ffff:10.0.0.0/104", "10.2.3.4"));
  for (const auto* good : {"example.com", "=x.org", "*.y.net", "1.2.3.4", "::1", "10.0.0.0/8"})
    CHECK(Pattern::parse(good));
  for (const auto* bad : {"", "=", "*.", "10.0.0.0/33", "10.0.0.0/", "a b", "http://x.com/", "10.0.0/8"})
    CHECK_MESSAGE(!Pattern::parse(bad), bad);
}

TEST_CASE("a list of patterns covers what any of them does") {
  const PatternList sensitive({"bank.example", "*.clinic.example", "192.0.2.0/24", "no pattern"});
  for (const auto* host : {"bank.example", "www.bank.example", "a.clinic.example", "192.0.2.7"})
    CHECK_MESSAGE(sensitive.covers(host), host);
  for (const auto* host : {"clinic.example", "otherbank.example", "192.0.3.7", ""})
    CHECK_MESSAGE(!sensitive.covers(host), host);
  CHECK(!PatternList().covers("bank.example"));
}

TEST_CASE("the most specific rule wins") {
  const Rules rules({{RuleAction::always_tunnel, "example.com"},
                     {RuleAction::always_direct, "www.example.com"},
                     {RuleAction::never, "=www.example.com"},
                     {RuleAction::always_direct, "10.0.0.0/8"},
                     {RuleAction::never, "10.1.0.0/16"},
                     {RuleAction::never, "twice.org"},
                     {RuleAction::always_direct, "twice.org"}});
  CHECK(rules.match("example.com")->action == RuleAction::always_tunnel);
  CHECK(rules.match("a.www.example.com")->action == RuleAction::always_direct);
  CHECK(rules.match("www.example.com")->action == RuleAction::never);
  CHECK(rules.match("10.2.0.1")->action == RuleAction::always_direct);
  CHECK(rules.match("10.1.0.1")->action == RuleAction::never);
  CHECK(rules.match(surang::Endpoint::parse("[::ffff:10.1.0.1]:80").value())->action == RuleAction::never);
  CHECK(rules.match(surang::Endpoint("a.www.example.com", 80))->action == RuleAction::always_direct);
  CHECK(!rules.match(surang::Endpoint("other.net", 80)));
  CHECK(rules.match("twice.org")->action == RuleAction::always_direct);
  CHECK(!rules.match("other.net"));
}

TEST_CASE("the ladder") {
  using Plan = std::vector<PlannedWay>;
  LadderFacts f;
  CHECK(plan_ways(f) == Plan{{Way::direct, StartWhen::at_once},
                             {Way::direct_encrypted_dns, StartWhen::on_dns_doubt},
                             {Way::tunnel, StartWhen::hedge}});
  f.verdict = Way::tunnel;
  CHECK(plan_ways(f) == Plan{{Way::tunnel, StartWhen::at_once}});
  f.on_tunnel_down = OnTunnelDown::direct;
  CHECK(plan_ways(f).back() == PlannedWay{Way::direct, StartWhen::when_tunnel_is_down});
  f = {};
  f.verdict = Way::direct_encrypted_dns;
  CHECK(plan_ways(f) ==
        Plan{{Way::direct_encrypted_dns, StartWhen::at_once}, {Way::tunnel, StartWhen::hedge}});
  f.leaning = true;
  CHECK(plan_ways(f).front().way == Way::direct_encrypted_dns);
  f = {};
  f.leaning = true;
  CHECK(plan_ways(f) == Plan{{Way::tunnel, StartWhen::at_once}});
  f = {};
  f.has_tunnel = false;
  f.verdict = Way::tunnel;  // learnt with a bridge that is gone
  CHECK(plan_ways(f) ==
        Plan{{Way::direct, StartWhen::at_once}, {Way::direct_encrypted_dns, StartWhen::hedge}});
  f = {};
  f.name = false;
  CHECK(plan_ways(f) == Plan{{Way::direct, StartWhen::at_once}, {Way::tunnel, StartWhen::hedge}});
  f.local = true;
  CHECK(plan_ways(f) == Plan{{Way::direct, StartWhen::at_once}});
  f.rule = RuleAction::always_tunnel;
  CHECK(plan_ways(f) == Plan{{Way::tunnel, StartWhen::at_once}});
  f.rule = RuleAction::never;
  CHECK(plan_ways(f).empty());
  f = {};
  f.rule = RuleAction::always_direct;
  f.verdict = Way::tunnel;
  CHECK(plan_ways(f) == Plan{{Way::direct, StartWhen::at_once}});
}

TEST_CASE("behind a captive portal only what is known or ruled goes another way than directly") {
  using Plan = std::vector<PlannedWay>;
  LadderFacts f;
  f.captive = true;
  CHECK(plan_ways(f) == Plan{{Way::direct, StartWhen::at_once}});
  f.leaning = true;
  CHECK(plan_ways(f) == Plan{{Way::direct, StartWhen::at_once}});
  f.verdict = Way::tunnel;
  CHECK(plan_ways(f) == Plan{{Way::tunnel, StartWhen::at_once}});
  f.verdict.reset();
  f.rule = RuleAction::always_tunnel;
  CHECK(plan_ways(f) == Plan{{Way::tunnel, StartWhen::at_once}});
  f.rule = RuleAction::never;
  CHECK(plan_ways(f).empty());
}

TEST_CASE("evasions stand between direct and the tunnel") {
  using Plan = std::vector<PlannedWay>;
  LadderFacts f;
  f.evasions = {Way::direct_fragmented, Way::direct_split, Way::direct_other_address};
  CHECK(plan_ways(f) == Plan{{Way::direct, StartWhen::at_once},
                             {Way::direct_encrypted_dns, StartWhen::on_dns_doubt},
                             {Way::direct_fragmented, StartWhen::evading},
                             {Way::tunnel, StartWhen::hedge},
                             {Way::direct_split, StartWhen::when_tunnel_is_down},
                             {Way::direct_other_address, StartWhen::when_tunnel_is_down}});
  f.has_tunnel = false;
  CHECK(plan_ways(f) == Plan{{Way::direct, StartWhen::at_once},
                             {Way::direct_encrypted_dns, StartWhen::hedge},
                             {Way::direct_fragmented, StartWhen::evading},
                             {Way::direct_split, StartWhen::evading},
                             {Way::direct_other_address, StartWhen::evading}});
  f.verdict = Way::direct_split;
  CHECK(plan_ways(f) == Plan{{Way::direct_split, StartWhen::at_once},
                             {Way::direct_fragmented, StartWhen::hedge},
                             {Way::direct_other_address, StartWhen::hedge},
                             {Way::direct, StartWhen::hedge}});
  f.has_tunnel = true;
  CHECK(plan_ways(f) == Plan{{Way::direct_split, StartWhen::at_once}, {Way::tunnel, StartWhen::hedge}});
  f.evasions = {Way::direct_other_address};  // a flight that cannot be cut
  CHECK(plan_ways(f).front().way == Way::direct);
  f.verdict = Way::tunnel;
  f.evasions = {Way::direct_fragmented};
  CHECK(plan_ways(f) == Plan{{Way::tunnel, StartWhen::at_once}});
  f.verdict.reset();
  f.evasions = {Way::direct_other_address, Way::direct_fragmented};  // that may not exist: one more
  CHECK(plan_ways(f)[3] == PlannedWay{Way::direct_fragmented, StartWhen::evading});
  f.rule = RuleAction::always_tunnel;
  CHECK(plan_ways(f) == Plan{{Way::tunnel, StartWhen::at_once}});
  f.rule = RuleAction::always_direct;
  CHECK(plan_ways(f) == Plan{{Way::direct, StartWhen::at_once}});
}
