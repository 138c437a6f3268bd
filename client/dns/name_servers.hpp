// Where the system's name servers are (/etc/resolv.conf, or the adapters' settings on Windows), and what
// /etc/hosts says.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace surang::client {

/// In the system's order; empty when there are none or the system does not say (getaddrinfo then asks).
std::vector<boost::asio::ip::udp::endpoint> system_name_servers();

/// Those that a resolver on this computer asks, where it tells (NetworkManager, OpenWrt, systemd-resolved);
/// empty where there is none.
std::vector<boost::asio::ip::udp::endpoint> name_servers_behind_stub();

/// The domains that short names are tried in: `search` and `domain` of resolv.conf(5). Lower case.
std::vector<std::string> system_search_domains();
std::vector<std::string> parse_search_domains(std::string_view text);  ///< pure

/// `nameserver` lines of resolv.conf(5), with IPv6 zones. Pure.
std::vector<boost::asio::ip::udp::endpoint> parse_resolv_conf(std::string_view text);

using HostsTable = std::map<std::string, std::vector<boost::asio::ip::address>, std::less<>>;
HostsTable system_hosts();
/// hosts(5). Pure.
HostsTable parse_hosts(std::string_view text);

/// Whether the hosts file is asked before, after, or not at all beside DNS (nsswitch.conf(5)).
enum class HostsOrder { before_dns, after_dns, unused };
HostsOrder system_hosts_order();
/// The `hosts:` line; before_dns when there is none. Pure.
HostsOrder parse_hosts_order(std::string_view nsswitch);

}  // namespace surang::client
