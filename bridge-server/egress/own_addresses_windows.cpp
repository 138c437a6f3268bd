#include <iphlpapi.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include <cstring>

#include "bridge-server/egress/own_addresses.hpp"

namespace surang::bridge {

std::optional<std::vector<boost::asio::ip::address>> own_addresses() {
  using namespace boost::asio::ip;
  std::vector<address> found;
  ULONG size = 64 * 1024;
  std::vector<unsigned char> memory(size);
  auto* list = reinterpret_cast<IP_ADAPTER_ADDRESSES*>(memory.data());
  if (::GetAdaptersAddresses(AF_UNSPEC, 0, nullptr, list, &size) != NO_ERROR) return std::nullopt;
  for (auto* adapter = list; adapter; adapter = adapter->Next)
    for (auto* entry = adapter->FirstUnicastAddress; entry; entry = entry->Next) {
      const auto* at = entry->Address.lpSockaddr;
      if (at->sa_family == AF_INET) {
        address_v4::bytes_type bytes;
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(at)->sin_addr, bytes.size());
        found.emplace_back(address_v4(bytes));
      } else if (at->sa_family == AF_INET6) {
        address_v6::bytes_type bytes;
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(at)->sin6_addr, bytes.size());
        found.emplace_back(address_v6(bytes));
      }
    }
  return found;
}

}  // namespace surang::bridge
