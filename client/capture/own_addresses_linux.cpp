#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

#include "client/capture/own_addresses.hpp"
#include "transports/core/endpoint.hpp"

namespace surang::client::capture {

std::optional<bool> is_own_address(const boost::asio::ip::address& named) {
  const auto address = unmapped(named);
  if (address.is_loopback() || address.is_unspecified()) return true;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  for (const auto* entry = list; entry; entry = entry->ifa_next) {
    const int family = entry->ifa_addr ? entry->ifa_addr->sa_family : AF_UNSPEC;
    if (family == AF_INET && address.is_v4()) {
      const auto bytes = address.to_v4().to_bytes();
      const auto& own = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr;
      if (std::memcmp(bytes.data(), &own, bytes.size()) == 0) return true;
    } else if (family == AF_INET6 && address.is_v6()) {
      const auto bytes = address.to_v6().to_bytes();
      const auto& own = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
      if (std::memcmp(bytes.data(), &own, bytes.size()) == 0) return true;
    }
  }
  return false;
}

}  // namespace surang::client::capture
