#include <fstream>
#include <iterator>

#include "client/dns/name_servers.hpp"

namespace surang::client {
namespace {

std::string read_file(const char* name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::vector<boost::asio::ip::udp::endpoint> system_name_servers() {
  return parse_resolv_conf(read_file("/etc/resolv.conf"));
}

std::vector<boost::asio::ip::udp::endpoint> name_servers_behind_stub() {
  return parse_resolv_conf(read_file("/run/systemd/resolve/resolv.conf"));
}

std::vector<std::string> system_search_domains() {
  return parse_search_domains(read_file("/etc/resolv.conf"));
}

HostsTable system_hosts() {
  return parse_hosts(read_file("/etc/hosts"));
}

HostsOrder system_hosts_order() {
  return parse_hosts_order(read_file("/etc/nsswitch.conf"));
}

}  // namespace surang::client
