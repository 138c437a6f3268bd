#include "client/detection/network_id.hpp"

#include <openssl/evp.h>

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
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 failed");
  constexpr char kHex[] = "0123456789abcdef";
  std::string id;
  for (std::size_t i = 0; i < 8; ++i) {
    id += kHex[digest[i] >> 4];
    id += kHex[digest[i] & 15];
  }
  return id;
}

NetworkWatch::NetworkWatch(std::function<NetworkFacts()> read, Clock::duration refresh)
    : read_(std::move(read)), refresh_(refresh) {}

const NetworkIdentity& NetworkWatch::current(Clock::time_point now) {
  if (!identity_.id.empty() && now < next_) return identity_;
  next_ = now + refresh_;
  auto facts = read_();
  // A neighbour entry comes and goes, and is not there yet just after joining: until it is, the gateway is
  // taken for the one last seen at this address.
  auto& mac = macs_[facts.interface_kind + ' ' + facts.gateway];
  if (facts.gateway_mac.empty()) facts.gateway_mac = mac;
  mac = facts.gateway_mac;
  if (macs_.size() > 256) macs_.clear();
  if (identity_.id.empty() || facts != facts_) {
    identity_.id = network_id_of(facts);
    auto unknown = facts;
    unknown.gateway_mac.clear();
    identity_.provisional = network_id_of(unknown);
    facts_ = std::move(facts);
  }
  identity_.link = facts_.link;
  return identity_;
}

}  // namespace surang::client
