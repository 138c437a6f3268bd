// Is a name server's answer believable? Pure but for what it remembers of earlier answers.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "client/detection/signals.hpp"
#include "client/dns/dns_message.hpp"

namespace surang::client {

/// Addresses that no public site can have: loopback, unspecified, link-local, multicast, our own fakes
/// (dns_bogon), or private ones (dns_bogon too, unless the name is one of the local network's). none for a
/// believable answer.
Signal check_addresses(const std::string& host, const std::vector<boost::asio::ip::address>& addresses);

/// Two answers to one question, the second behind the first: true when no address is in both, though they are
/// of the same family.
bool contradicts(const std::vector<boost::asio::ip::address>& first,
                 const std::vector<boost::asio::ip::address>& second);

/// The replies about one name, of either family: bare records, one in each at most, and nowhere the EDNS
/// record that a name server repeats. As injectors answer, and a few old routers.
bool all_bare(std::span<const DnsReply> replies);

/// Addresses given for unrelated names. A sinkhole is; so is a content network, which is why this asks for
/// contrast and proves nothing.
class SinkholeWatch {
 public:
  static constexpr std::size_t kNames = 3;
  /// Notes the answer; true when one of its addresses has been given for three unrelated domains and no
  /// answer for any of them was ever confirmed.
  bool shared(const std::string& host, const std::vector<boost::asio::ip::address>& addresses);
  /// A site behind this address proved to be what it says: no sinkhole.
  void confirmed(const boost::asio::ip::address& address);

 private:
  std::map<boost::asio::ip::address, std::set<std::string>> domains_;
  std::set<boost::asio::ip::address> confirmed_;
};

}  // namespace surang::client
