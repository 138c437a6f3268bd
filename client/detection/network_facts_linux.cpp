#include <arpa/inet.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "client/detection/network_id.hpp"
#include "client/dns/name_servers.hpp"

namespace surang::client {
namespace {

struct DefaultRoute {
  std::string interface, gateway;
};

// /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask ...; addresses as host words in
// hex.
DefaultRoute default_route_v4(bool& link) {
  std::ifstream file("/proc/net/route");
  std::string line;
  std::getline(file, line);
  DefaultRoute best;
  unsigned long best_metric = ~0UL;
  while (std::getline(file, line)) {
    std::istringstream in(line);
    std::string interface, destination, gateway, flags, skip, mask;
    unsigned long metric = 0;
    if (!(in >> interface >> destination >> gateway >> flags >> skip >> skip >> metric >> mask)) continue;
    if (interface != "lo") link = true;
    if (destination != "00000000" || mask != "00000000" || metric >= best_metric) continue;
    in_addr address{};
    address.s_addr = static_cast<in_addr_t>(std::strtoul(gateway.c_str(), nullptr, 16));
    char text[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &address, text, sizeof text);
    best = {interface, text};
    best_metric = metric;
  }
  return best;
}

struct DefaultRoutes6 {
  DefaultRoute by_gateway;  // with the address of a gateway
  DefaultRoute any;         // a modem's may have none
};

// /proc/net/ipv6_route: destination, its length, source, its length, gateway, metric, ..., interface last;
// all in hex.
DefaultRoutes6 default_routes_v6(bool& link) {
  std::ifstream file("/proc/net/ipv6_route");
  std::string destination, length, source, source_length, gateway, metric, references, use, flags, interface;
  DefaultRoutes6 best;
  unsigned long gateway_metric = ~0UL, any_metric = ~0UL;
  while (file >> destination >> length >> source >> source_length >> gateway >> metric >> references >> use >>
         flags >> interface) {
    if (interface == "lo") continue;
    const bool global = !destination.starts_with("fe80") && !destination.starts_with("ff");
    if (global && length != "00") link = true;
    if (length != "00" || source_length != "00") continue;
    const auto cost = std::strtoul(metric.c_str(), nullptr, 16);
    if (gateway == std::string(32, '0')) gateway.clear();
    if (cost < any_metric) {
      best.any = {interface, gateway};
      any_metric = cost;
    }
    if (gateway.empty()) continue;
    link = true;
    if (cost >= gateway_metric) continue;
    best.by_gateway = {interface, gateway};
    gateway_metric = cost;
  }
  return best;
}

std::string mac_of(const DefaultRoute& route) {
  std::ifstream file("/proc/net/arp");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream in(line);
    std::string address, type, flags, mac, mask, interface;
    if (!(in >> address >> type >> flags >> mac >> mask >> interface)) continue;
    if (address == route.gateway && interface == route.interface && mac != "00:00:00:00:00:00") return mac;
  }
  return {};
}

// A datagram of no bytes to the discard port: the kernel has to learn the gateway's MAC address to send it.
void make_known(const std::string& gateway) {
  const int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  if (inet_pton(AF_INET, gateway.c_str(), &to.sin_addr) == 1)
    (void)sendto(probe, nullptr, 0, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  close(probe);
}

// Right after a change of network the neighbour table is still empty. What was learnt then would be filed
// under another network than what follows, so the first look at a gateway waits a moment for its answer.
std::string learn_mac(const DefaultRoute& route) {
  static std::string waited_for;
  if (route.gateway.empty()) waited_for.clear();  // whoever comes next may have the same address
  auto mac = mac_of(route);
  if (!mac.empty() || route.gateway.find('.') == std::string::npos || route.gateway == "0.0.0.0") return mac;
  make_known(route.gateway);
  if (waited_for == route.interface + ' ' + route.gateway) return mac;
  waited_for = route.interface + ' ' + route.gateway;
  for (int tries = 0; tries < 10 && mac.empty(); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    mac = mac_of(route);
  }
  return mac;
}

std::string kind_of(const std::string& interface) {
  if (interface.empty()) return "none";
  const std::string base = "/sys/class/net/" + interface;
  std::error_code ignored;
  if (std::filesystem::exists(base + "/wireless", ignored)) return "wifi";
  if (interface.starts_with("ww") || interface.starts_with("rmnet")) return "mobile";
  int type = 0;
  std::ifstream(base + "/type") >> type;
  if (type == ARPHRD_ETHER) return "wired";
  if (type == ARPHRD_PPP) return "mobile";
  return "tunnel";
}

}  // namespace

std::string resolvers_stamp() {
  struct stat file {};
  if (stat("/etc/resolv.conf", &file) != 0) return {};
  return std::to_string(file.st_mtim.tv_sec) + '.' + std::to_string(file.st_mtim.tv_nsec) + ' ' +
         std::to_string(file.st_size) + ' ' + std::to_string(file.st_ino);
}

NetworkFacts read_network_facts() {
  NetworkFacts facts;
  auto route = default_route_v4(facts.link);
  const auto routes6 = default_routes_v6(facts.link);
  if (!route.interface.empty() && !routes6.any.interface.empty() && routes6.any.interface != route.interface)
    facts.ipv6_path = kind_of(routes6.any.interface) + ' ' + routes6.any.gateway;
  if (route.interface.empty()) route = routes6.by_gateway;
  facts.interface_kind = kind_of(route.interface);
  facts.gateway = route.gateway;
  facts.gateway_mac = learn_mac(route);
  for (const auto& server : system_name_servers()) facts.resolvers.push_back(server.address().to_string());
  return facts;
}

}  // namespace surang::client
