#include "client/capture/capture_rules.hpp"

#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "client/capture/fake_addresses.hpp"
#include "client/capture/marks.hpp"
#include "config/network_range.hpp"

namespace surang::client::capture {
namespace {

// Where no provider stands in between: this network's own, and what no public host can be (RFC 6890).
constexpr const char* kPrivate4 =
    "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, "
    "224.0.0.0/3";
constexpr const char* kPrivate6 = "::/127, fc00::/7, fe80::/10, ff00::/8";

// A connection is taken from its beginning or not at all, and then to its end: one that was there before, or
// that somebody outside has begun, would break half way. What carries another mark is somebody's own: ours,
// or a VPN's that must not go round in circles. The kernel's own sockets (WireGuard's, a network drive's)
// match no user. But whoever has been given a fake, by a resolver of this computer for instance, has nothing
// else, so fakes are taken from all but ourselves. From outside they are taken from `lan` alone: anybody else
// who sends packets to this computer would have a proxy and a resolver here, and could see who runs Surang.
// "alive" holds the protocols for as long as this process says that it lives; no connection begins to be
// taken after that, and what has no connection goes its own way again. The kernel knows a flow of datagrams
// by its ports for a while after it has ended, so who gets the port of an ended one of ours begins anew.
// Names are asked for wherever the name server is; what else stays in this network is not taken, nor DHCP's.
// A taken packet that finds no way back here is not for the line.
constexpr const char* kRules = R"(table inet surang {
 flags owner
 set alive {
  type inet_proto
  flags timeout
 }
 chain output {
  type route hook output priority mangle; policy accept;
  ct direction reply return
  meta mark $own ct mark set ct mark & $others | $own return
  ip daddr $fake4 goto from_here
  ip6 daddr $fake6 goto from_here
  meta mark != 0 return
  jump released
  ct mark & $mask == $taken meta mark set $taken accept
  $except_users
  meta skuid 0-4294967294 jump choose
 }
 chain released {
  meta l4proto udp meta l4proto != @alive ct mark set ct mark & $others
 }
 chain from_here {
  ct mark & $mask == $taken meta mark set $taken accept
  jump choose
 }
 chain prerouting {
  type filter hook prerouting priority mangle; policy accept;
  iifname "lo" meta mark $taken goto take
  iifname "lo" return
  $lan
  ip daddr $fake4 drop
  ip6 daddr $fake6 drop
 }
 chain from_lan {
  meta mark != 0 return
  ct direction reply return
  jump released
  ct mark & $mask == $taken goto take
  jump choose
  meta mark $taken goto take
 }
 chain postrouting {
  type filter hook postrouting priority mangle; policy accept;
  oifname != "lo" meta mark $taken drop
 }
 chain choose {
  meta l4proto != @alive return
  ct state { invalid, untracked } return
  meta l4proto tcp tcp flags & (fin | syn | rst | ack) != syn return
  meta l4proto udp ct state != new ct mark & $mask != $own return
  $no_family
  fib daddr type { local, broadcast, multicast, anycast } return
  $except
  meta l4proto { tcp, udp } th dport 53 goto begin
  ip daddr { $private4 } return
  ip6 daddr { $private6 } return
  udp dport { 67, 68, 546, 547 } return
  goto begin
 }
 chain begin {
  ct mark set ct mark & $others | $taken
  meta mark set $taken
 }
 chain take {
  meta mark set $taken
  $take
 }
}
)";

std::string hex(std::uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", number);
  return text;
}

std::string quoted(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "\"" : ", \"") + name + '"';
  return out;
}

std::string except_ranges(const std::vector<std::string>& ranges) {
  std::string out;
  for (const auto& text : ranges)
    if (const auto range = config::NetworkRange::parse(text))
      out += std::string(range->base.is_v4() ? "ip" : "ip6") + " daddr " + range->base.to_string() + '/' +
             std::to_string(range->prefix) + " return\n  ";
  return out;
}

std::string take_by(const char* family, const char* protocol, std::uint16_t port) {
  if (port == 0) return "";
  const bool v4 = std::string_view(family) == "ipv4";
  return std::string("meta nfproto ") + family + " meta l4proto " + protocol + " tproxy " +
         (v4 ? "ip to 127.0.0.1:" : "ip6 to [::1]:") + std::to_string(port) + " accept\n  ";
}

std::string filled(std::string text, const std::vector<std::pair<std::string, std::string>>& values) {
  for (const auto& [name, value] : values)
    for (auto at = text.find(name); at != text.npos; at = text.find(name, at + value.size()))
      text.replace(at, name.size(), value);
  return text;
}

}  // namespace

std::string make_rules(const RuleFacts& facts) {
  const auto& users = facts.options.except_users;
  const auto& lan = facts.options.lan;
  const auto take = take_by("ipv4", "tcp", facts.tcp4) + take_by("ipv4", "udp", facts.udp4) +
                    take_by("ipv6", "tcp", facts.tcp6) + take_by("ipv6", "udp", facts.udp6);
  const std::string no_family = std::string(facts.tcp4 == 0 ? "meta nfproto ipv4 return\n  " : "") +
                                (facts.tcp6 == 0 ? "meta nfproto ipv6 return" : "");
  return filled(kRules,
                {{"$except_users", users.empty() ? "" : "meta skuid { " + quoted(users) + " } return"},
                 {"$except", except_ranges(facts.options.except)},
                 {"$lan", lan.empty() ? "" : "iifname { " + quoted(lan) + " } jump from_lan"},
                 {"$no_family", no_family},
                 {"$own", hex(kOwnMark)},
                 {"$taken", hex(kTakenMark)},
                 {"$take", take},
                 {"$mask", hex(kTakenMask)},
                 {"$others", hex(~kTakenMask)},
                 {"$fake4", kFakeRange4},
                 {"$fake6", kFakeRange6},
                 {"$private4", kPrivate4},
                 {"$private6", kPrivate6}});
}

std::string keep_alive() {
  const auto limit = " timeout " + std::to_string(kAliveFor.count()) + 's';
  return take_no_more() + "add element inet surang alive { tcp" + limit + ", udp" + limit + " }\n";
}

std::string take_no_more() {
  return "flush set inet surang alive\n";
}

std::string remove_rules() {
  return "delete table inet surang\n";
}

std::string is_alive() {
  return "get element inet surang alive { tcp }\n";
}

}  // namespace surang::client::capture
