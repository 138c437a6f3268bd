#include "client/dns/answer_check.hpp"

#include <algorithm>

#include "client/capture/fake_addresses.hpp"
#include "client/detection/site_scope.hpp"

namespace surang::client {

using boost::asio::ip::address;

Signal check_addresses(const std::string& host, const std::vector<address>& addresses) {
  if (addresses.empty() || is_local_name(host)) return Signal::none;
  // One impossible address condemns the answer: a censor may mix families.
  for (const auto& a : addresses)
    if (is_local_address(a) || is_private_address(a) || capture::FakeAddresses::in_range(a))
      return Signal::dns_bogon;
  return Signal::none;
}

bool contradicts(const std::vector<address>& first, const std::vector<address>& second) {
  bool comparable = false;
  for (const auto& a : first)
    for (const auto& b : second) {
      if (a == b) return false;
      comparable |= a.is_v4() == b.is_v4();
    }
  return comparable;
}

bool all_bare(std::span<const DnsReply> replies) {
  unsigned most = 0;
  bool edns = false;
  for (const auto& reply : replies) {
    most = std::max<unsigned>(most, reply.records);
    edns |= reply.records > 0 && reply.edns;
  }
  return most == 1 && !edns;
}

bool SinkholeWatch::shared(const std::string& host, const std::vector<address>& addresses) {
  constexpr std::size_t kMost = 4096;
  if (domains_.size() > kMost) domains_.clear();
  const auto domain = registrable_domain(host);
  bool found = false;
  for (const auto& a : addresses) {
    if (confirmed_.contains(a)) continue;
    auto& names = domains_[a];
    if (names.size() < kNames) names.insert(domain);
    found |= names.size() >= kNames;
  }
  return found;
}

void SinkholeWatch::confirmed(const address& a) {
  constexpr std::size_t kMost = 4096;
  if (confirmed_.size() > kMost) confirmed_.clear();
  confirmed_.insert(a);
  domains_.erase(a);
}

}  // namespace surang::client
