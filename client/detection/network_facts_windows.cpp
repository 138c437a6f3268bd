// clang-format off: winsock2.h must come before the others
#include <iphlpapi.h>
#include <netioapi.h>
#include <winsock2.h>
#include <ws2tcpip.h>
// clang-format on

#include <boost/asio/ip/address.hpp>

#include "client/detection/network_id.hpp"
#include "client/dns/name_servers.hpp"

namespace surang::client {
namespace {

std::string text_of(const SOCKET_ADDRESS& a) {
  char text[64] = {};
  DWORD size = sizeof text;
  // Numeric form, without a port because the port is zero.
  if (WSAAddressToStringA(a.lpSockaddr, static_cast<DWORD>(a.iSockaddrLength), nullptr, text, &size) != 0)
    return {};
  return text;
}

std::string mac_of(NET_IFINDEX interface, const SOCKET_ADDRESS& gateway) {
  MIB_IPNET_ROW2 row{};
  row.InterfaceIndex = interface;
  if (gateway.lpSockaddr->sa_family == AF_INET)
    row.Address.Ipv4 = *reinterpret_cast<const SOCKADDR_IN*>(gateway.lpSockaddr);
  else
    row.Address.Ipv6 = *reinterpret_cast<const SOCKADDR_IN6*>(gateway.lpSockaddr);
  if (GetIpNetEntry2(&row) != NO_ERROR) return {};
  constexpr char kHex[] = "0123456789abcdef";
  std::string mac;
  for (ULONG i = 0; i < row.PhysicalAddressLength; ++i) {
    mac += kHex[row.PhysicalAddress[i] >> 4];
    mac += kHex[row.PhysicalAddress[i] & 15];
  }
  return mac;
}

const char* kind_of(const IP_ADAPTER_ADDRESSES& a) {
  switch (a.IfType) {
    case IF_TYPE_IEEE80211:
      return "wifi";
    case IF_TYPE_WWANPP:
    case IF_TYPE_WWANPP2:
      return "mobile";
    case IF_TYPE_TUNNEL:
      return "tunnel";
    default:
      return "wired";
  }
}

// The gateway of one family; null without one.
const IP_ADAPTER_GATEWAY_ADDRESS* gateway_of(const IP_ADAPTER_ADDRESSES& a, int family) {
  for (const auto* g = a.FirstGatewayAddress; g; g = g->Next)
    if (g->Address.lpSockaddr->sa_family == family) return g;
  return nullptr;
}

}  // namespace

// No file to look at: the adapters are read again now and then.
std::string resolvers_stamp() {
  return {};
}

NetworkFacts read_network_facts() {
  NetworkFacts facts;
  ULONG size = 32 * 1024;
  std::vector<char> block(size);
  const ULONG flags = GAA_FLAG_INCLUDE_GATEWAYS | GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST;
  auto* first = reinterpret_cast<IP_ADAPTER_ADDRESSES*>(block.data());
  ULONG result = GetAdaptersAddresses(AF_UNSPEC, flags, nullptr, first, &size);
  if (result == ERROR_BUFFER_OVERFLOW) {
    block.resize(size);
    first = reinterpret_cast<IP_ADAPTER_ADDRESSES*>(block.data());
    result = GetAdaptersAddresses(AF_UNSPEC, flags, nullptr, first, &size);
  }
  ULONG best = ~0UL, best6 = ~0UL;
  const IP_ADAPTER_ADDRESSES *main = nullptr, *main6 = nullptr;
  for (const auto* a = first; result == NO_ERROR && a; a = a->Next) {
    if (a->OperStatus != IfOperStatusUp || a->IfType == IF_TYPE_SOFTWARE_LOOPBACK) continue;
    facts.link = true;
    if (gateway_of(*a, AF_INET6) && a->Ipv6Metric < best6) {
      best6 = a->Ipv6Metric;
      main6 = a;
    }
    if (!a->FirstGatewayAddress || a->Ipv4Metric >= best) continue;
    best = a->Ipv4Metric;
    main = a;
  }
  if (main) {
    facts.gateway = text_of(main->FirstGatewayAddress->Address);
    facts.gateway_mac = mac_of(main->IfIndex, main->FirstGatewayAddress->Address);
    facts.interface_kind = kind_of(*main);
  }
  if (main && main6 && main != main6)
    facts.ipv6_path = std::string(kind_of(*main6)) + ' ' + text_of(gateway_of(*main6, AF_INET6)->Address);
  for (const auto& server : system_name_servers()) facts.resolvers.push_back(server.address().to_string());
  return facts;
}

}  // namespace surang::client
