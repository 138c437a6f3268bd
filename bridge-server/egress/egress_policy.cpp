#include "bridge-server/egress/egress_policy.hpp"

#include <algorithm>
#include <optional>

namespace surang::bridge {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v4;
using config::NetworkRange;

// RFC 6890 and its registry, and 168.63.129.16, the metadata service of one cloud at a public address.
const std::vector<NetworkRange>& denied() {
  static const auto ranges = [] {
    std::vector<NetworkRange> made;
    for (const auto* text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16", "169.254.0.0/16",
          "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
          "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
          "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
          // Everything outside global unicast first, then what is special inside it.
          "::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48",
          "3fff::/20"})
      made.push_back(*NetworkRange::parse(text));
    return made;
  }();
  return ranges;
}

// Addresses that only wrap an IPv4 one: v4-mapped (RFC 4291), v4-compatible, NAT64 (RFC 6052, RFC 8215).
std::optional<address_v4> wrapped_v4(const address& from) {
  if (!from.is_v6() || from.is_unspecified() || from.is_loopback()) return std::nullopt;
  const auto bytes = from.to_v6().to_bytes();
  static const auto mapped = *NetworkRange::parse("::ffff:0:0/96");
  static const auto compatible = *NetworkRange::parse("::/96");  // but for :: and ::1, which wrap nothing
  static const auto nat64 = *NetworkRange::parse("64:ff9b::/96");
  static const auto local_nat64 = *NetworkRange::parse("64:ff9b:1::/48");
  if (!mapped.contains(from) && !compatible.contains(from) && !nat64.contains(from) &&
      !local_nat64.contains(from))
    return std::nullopt;
  return address_v4({bytes[12], bytes[13], bytes[14], bytes[15]});
}

}  // namespace

EgressPolicy::EgressPolicy(const std::vector<std::string>& allow, std::vector<address> own)
    : own_(std::move(own)) {
  for (const auto& text : allow)
    if (const auto range = NetworkRange::parse(text)) allow_.push_back(*range);
}

bool EgressPolicy::permits(const address& to, std::uint16_t port) const {
  if (port == 0 || port == 25) return false;
  const auto holds = [&](const NetworkRange& range) { return range.contains(to); };
  const bool allowed = std::ranges::any_of(allow_, holds);
  // A wrapped address is another spelling of a destination. Where a NAT64 is the only way to IPv4 its range
  // can be allowed, and what it leads to is then held against the rules as if it were dialled itself.
  if (const auto v4 = wrapped_v4(to)) return allowed && permits(*v4, port);
  if (allowed) return true;
  if (to.is_v6() && to.to_v6().scope_id() != 0) return false;
  return std::ranges::none_of(denied(), holds) && std::ranges::find(own_, to) == own_.end();
}

std::vector<address> EgressPolicy::admit(std::vector<address> addresses, std::uint16_t port) const {
  std::erase_if(addresses, [&](const address& to) { return !permits(to, port); });
  return addresses;
}

}  // namespace surang::bridge
