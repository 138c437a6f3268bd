#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "client/dns/name_servers.hpp"

namespace surang::client {
namespace {

std::string read_file(const char* name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// In /tmp anybody may put a file, or a link to one.
bool roots(const std::string& name) {
  struct stat found {};
  if (::lstat(name.c_str(), &found) != 0 || S_ISLNK(found.st_mode)) return false;
  return found.st_uid == 0 && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

std::vector<boost::asio::ip::udp::endpoint> system_name_servers() {
  return parse_resolv_conf(read_file("/etc/resolv.conf"));
}

std::vector<boost::asio::ip::udp::endpoint> name_servers_behind_stub() {
  for (const auto* name : {"/run/NetworkManager/no-stub-resolv.conf", "/tmp/resolv.conf.d/resolv.conf.auto",
                           "/run/systemd/resolve/resolv.conf"}) {
    const std::string file(name);
    if (file.starts_with("/tmp/") && !(roots(file.substr(0, file.rfind('/'))) && roots(file))) continue;
    if (auto servers = parse_resolv_conf(read_file(name)); !servers.empty()) return servers;
  }
  return {};
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
