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

}  // namespace

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
  ULONG best = ~0UL;
  for (const auto* a = first; result == NO_ERROR && a; a = a->Next) {
    if (a->OperStatus != IfOperStatusUp || a->IfType == IF_TYPE_SOFTWARE_LOOPBACK) continue;
    facts.link = true;
    if (!a->FirstGatewayAddress || a->Ipv4Metric >= best) continue;
    best = a->Ipv4Metric;
    facts.gateway = text_of(a->FirstGatewayAddress->Address);
    facts.gateway_mac = mac_of(a->IfIndex, a->FirstGatewayAddress->Address);
    facts.interface_kind = a->IfType == IF_TYPE_IEEE80211                                ? "wifi"
                           : a->IfType == IF_TYPE_WWANPP || a->IfType == IF_TYPE_WWANPP2 ? "mobile"
                           : a->IfType == IF_TYPE_TUNNEL                                 ? "tunnel"
                                                                                         : "wired";
  }
  for (const auto& server : system_name_servers()) facts.resolvers.push_back(server.address().to_string());
  return facts;
}

}  // namespace surang::client
