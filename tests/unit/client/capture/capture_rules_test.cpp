#include "client/capture/capture_rules.hpp"

#include <doctest.h>

#include "client/capture/marks.hpp"

using namespace surang::client::capture;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("rules name the ports, the marks and what is excepted") {
  RuleFacts facts;
  facts.tcp4 = 1001, facts.udp4 = 1002, facts.tcp6 = 1003, facts.udp6 = 1004;
  facts.options.lan = {"eth1", "br-lan"};
  facts.options.except = {"203.0.113.0/24", "2001:db8::1", "192.0.2.7"};
  facts.options.except_users = {"tor"};
  const auto rules = make_rules(facts);
  for (const auto* part :
       {"flags owner\n", "tcp tproxy ip to 127.0.0.1:1001 accept", "udp tproxy ip to 127.0.0.1:1002 accept",
        "tcp tproxy ip6 to [::1]:1003 accept", "udp tproxy ip6 to [::1]:1004 accept",
        "iifname { \"eth1\", \"br-lan\" } jump from_lan\n", "ip daddr 203.0.113.0/24 return",
        "ip6 daddr 2001:db8::1/128 return", "ip daddr 192.0.2.7/32 return", "meta skuid { \"tor\" } return",
        "ct mark & 0xff == 0x74 ", "ct mark set ct mark & 0xffffff00 | 0x74",
        "meta l4proto udp ct state != new ct mark & 0xff != 0x73 return"})
    CHECK_MESSAGE(has(rules, part), part);
  CHECK(!has(rules, "$"));
  CHECK(!has(rules, "add element"));
  CHECK((keep_alive() ==
         take_no_more() + "add element inet surang alive { tcp timeout 15s, udp timeout 15s }\n"));
}

TEST_CASE("fakes are taken from this machine and lan, from nobody else") {
  RuleFacts facts;
  facts.tcp4 = 1001, facts.udp4 = 1002, facts.tcp6 = 1003, facts.udp6 = 1004;
  facts.options.lan = {"br-lan"};
  facts.options.except_users = {"tor"};
  const auto rules = make_rules(facts);
  const auto output = rules.find("chain output"), prerouting = rules.find("chain prerouting");
  const auto first_of = [&](const std::string& part, std::size_t from) { return rules.find(part, from); };
  for (const auto* range : {"ip daddr 198.18.0.0/15 ", "ip6 daddr 2001:2::/48 "}) {
    const auto here = first_of(std::string(range) + "goto from_here", output);
    CHECK(here < first_of("skuid", output));
    CHECK(here < first_of("meta mark != 0", output));
    CHECK(here > first_of("meta mark 0x73 ct mark set ct mark & 0xffffff00 | 0x73 return", output));
    const auto outside = first_of(range, prerouting);
    CHECK(outside == first_of(std::string(range) + "drop", prerouting));
    CHECK(outside > first_of("iifname { \"br-lan\" }", prerouting));
  }
  CHECK(has(rules, "oifname != \"lo\" meta mark 0x74 drop"));
}

TEST_CASE("without IPv6 nothing of it is taken, and without exceptions none is named") {
  RuleFacts facts;
  facts.tcp4 = 1001, facts.udp4 = 1002;
  const auto rules = make_rules(facts);
  CHECK(has(rules, "meta nfproto ipv6 return"));
  CHECK(!has(rules, "meta nfproto ipv4 return"));
  CHECK(!has(rules, "tproxy ip6"));
  CHECK(!has(rules, "skuid {"));
  CHECK(!has(rules, "iifname {"));
  CHECK(!has(rules, "$"));
}
