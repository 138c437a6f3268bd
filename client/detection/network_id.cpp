#include "client/detection/network_id.hpp"

#include <openssl/evp.h>
#include <sodium/utils.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace surang::client {

std::string network_id_of(const NetworkFacts& facts) {
  auto resolvers = facts.resolvers;
  std::sort(resolvers.begin(), resolvers.end());
  resolvers.erase(std::unique(resolvers.begin(), resolvers.end()), resolvers.end());
  std::string text =
      "surang network\n" + facts.interface_kind + '\n' + facts.gateway + '\n' + facts.gateway_mac;
  for (const auto& r : resolvers) text += '\n' + r;
  if (!facts.ipv6_path.empty()) text += "\nipv6 " + facts.ipv6_path;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 failed");
  std::array<char, 17> name{};
  return sodium_bin2hex(name.data(), name.size(), digest.data(), 8);
}

}  // namespace surang::client
