// Asks the system's name servers ourselves, over UDP (TCP when truncated), so that a second answer behind the
// first, a bogon or a silence is seen; getaddrinfo shows none of that. /etc/hosts is honoured; names that are
// the system's own business (single labels, .local, no name server known) go to getaddrinfo.
#pragma once

#include <functional>
#include <memory>

#include "client/dns/name_servers.hpp"
#include "client/dns/names.hpp"

namespace surang::client {

struct SystemDnsOptions {
  std::function<std::vector<boost::asio::ip::udp::endpoint>()> servers = system_name_servers;
  std::function<HostsTable()> hosts = system_hosts;
  std::function<HostsOrder()> hosts_order = system_hosts_order;
  std::chrono::milliseconds try_limit{1500};  ///< one server, one try
  unsigned rounds = 2;                        ///< through all servers
  std::chrono::milliseconds late_wait{500};   ///< a second answer is listened for
  bool ipv6 = true;                           ///< whether AAAA is asked where IPv6 is routed
};

struct SystemReply {
  NameAnswer answer;
  std::chrono::seconds ttl{0};
};

class SystemDns {
 public:
  /// `late` hears of a second, contradicting answer for a host.
  SystemDns(boost::asio::any_io_executor executor, SystemDnsOptions options,
            std::function<void(const std::string&)> late);
  ~SystemDns();

  boost::asio::awaitable<SystemReply> ask(std::string host);
  /// The hosts file has this name, and is to be asked before any name server.
  bool pinned(const std::string& host);
  /// Asks those that `servers` gives from now on.
  void ask_servers_of(std::function<std::vector<boost::asio::ip::udp::endpoint>()> servers);
  /// Another network: reads the name servers again, and what is being asked turns to the new ones.
  void forget();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace surang::client
