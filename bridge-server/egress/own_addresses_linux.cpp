#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

#include "bridge-server/egress/own_addresses.hpp"

namespace surang::bridge {

std::optional<std::vector<boost::asio::ip::address>> own_addresses() {
  using namespace boost::asio::ip;
  std::vector<address> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  for (const auto* entry = list; entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      address_v4::bytes_type bytes;
      std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr,
                  bytes.size());
      found.emplace_back(address_v4(bytes));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr,
                  bytes.size());
      found.emplace_back(address_v6(bytes));
    }
  }
  return found;
}

}  // namespace surang::bridge
