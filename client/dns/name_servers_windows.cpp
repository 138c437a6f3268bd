// clang-format off: winsock2.h must come before the others
#include <iphlpapi.h>
#include <winsock2.h>
#include <ws2tcpip.h>
// clang-format on

#include <fstream>
#include <iterator>

#include "client/dns/name_servers.hpp"

namespace surang::client {

std::vector<boost::asio::ip::udp::endpoint> system_name_servers() {
  ULONG size = 32 * 1024;
  std::vector<char> block(size);
  const ULONG flags = GAA_FLAG_SKIP_UNICAST | GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST;
  auto* first = reinterpret_cast<IP_ADAPTER_ADDRESSES*>(block.data());
  ULONG result = GetAdaptersAddresses(AF_UNSPEC, flags, nullptr, first, &size);
  if (result == ERROR_BUFFER_OVERFLOW) {
    block.resize(size);
    first = reinterpret_cast<IP_ADAPTER_ADDRESSES*>(block.data());
    result = GetAdaptersAddresses(AF_UNSPEC, flags, nullptr, first, &size);
  }
  std::vector<boost::asio::ip::udp::endpoint> servers;
  if (result != NO_ERROR) return servers;
  for (const auto* a = first; a; a = a->Next) {
    if (a->OperStatus != IfOperStatusUp || a->IfType == IF_TYPE_SOFTWARE_LOOPBACK) continue;
    for (const auto* s = a->FirstDnsServerAddress; s && servers.size() < 8; s = s->Next) {
      const auto* raw = s->Address.lpSockaddr;
      boost::asio::ip::udp::endpoint server;
      if (static_cast<std::size_t>(s->Address.iSockaddrLength) > server.capacity()) continue;
      std::memcpy(server.data(), raw, static_cast<std::size_t>(s->Address.iSockaddrLength));
      server.port(53);
      servers.push_back(server);
    }
  }
  return servers;
}

std::vector<boost::asio::ip::udp::endpoint> name_servers_behind_stub() {
  return {};
}

std::vector<std::string> system_search_domains() {
  return {};
}

HostsTable system_hosts() {
  std::ifstream file("C:\\Windows\\System32\\drivers\\etc\\hosts", std::ios::binary);
  return parse_hosts(std::string{std::istreambuf_iterator<char>(file), {}});
}

HostsOrder system_hosts_order() {
  return HostsOrder::before_dns;
}

}  // namespace surang::client
