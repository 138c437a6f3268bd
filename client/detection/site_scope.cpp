#include "client/detection/site_scope.hpp"

#include <libpsl.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/network_v4.hpp>

#include "transports/core/endpoint.hpp"

namespace surang::client {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v4;

bool within(const address_v4& a, std::uint32_t net, unsigned bits) {
  return (a.to_uint() >> (32 - bits)) == (net >> (32 - bits));
}

}  // namespace

std::string registrable_domain(std::string_view host) {
  std::string name(host);
  if (address_literal(name)) return name;
  const char* domain = psl_registrable_domain(psl_builtin(), name.c_str());
  return domain ? std::string(domain) : name;
}

bool same_owner(std::string_view a, std::string_view b) {
  const auto domain_a = registrable_domain(a), domain_b = registrable_domain(b);
  if (domain_a == domain_b) return true;
  return !address_literal(a) && !address_literal(b) &&
         domain_a.substr(0, domain_a.find('.')) == domain_b.substr(0, domain_b.find('.'));
}

bool is_local_name(std::string_view host) {
  if (address_literal(host)) return false;
  if (host.find('.') == host.npos) return true;
  constexpr std::array<std::string_view, 6> kLocal{".localhost", ".local",        ".home.arpa",
                                                   ".internal",  ".in-addr.arpa", ".ip6.arpa"};
  return std::any_of(kLocal.begin(), kLocal.end(), [&](auto suffix) { return host.ends_with(suffix); });
}

bool is_local_address(const address& raw) {
  const auto a = unmapped(raw);
  if (a.is_loopback() || a.is_unspecified() || a.is_multicast()) return true;
  if (a.is_v6()) return a.to_v6().is_link_local();
  const auto v4 = a.to_v4();
  return within(v4, 0, 8) || within(v4, 0x7F000000, 8) || within(v4, 0xA9FE0000, 16) ||
         within(v4, 0xF0000000, 4);
}

bool is_private_address(const address& raw) {
  const auto a = unmapped(raw);
  if (a.is_v6()) return (a.to_v6().to_bytes()[0] & 0xFE) == 0xFC;
  const auto v4 = a.to_v4();
  return within(v4, 0x0A000000, 8) || within(v4, 0xAC100000, 12) || within(v4, 0xC0A80000, 16) ||
         within(v4, 0x64400000, 10);
}

bool is_public_address(const address& raw) {
  const auto a = unmapped(raw);
  if (is_local_address(a) || is_private_address(a)) return false;
  if (a.is_v4()) return !within(a.to_v4(), 0xC0000000, 24) && !within(a.to_v4(), 0xC6120000, 15);
  const auto b = a.to_v6().to_bytes();
  const auto embedded = [&b](std::size_t at) {
    return is_public_address(boost::asio::ip::address_v4({b[at], b[at + 1], b[at + 2], b[at + 3]}));
  };
  constexpr std::array<unsigned char, 12> kTranslated{0, 0x64, 0xFF, 0x9B};
  if (std::equal(kTranslated.begin(), kTranslated.end(), b.begin())) return embedded(12);
  if (b[0] == 0x20 && b[1] == 0x02) return embedded(2);
  const bool special = b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] < 4;  // Teredo, benchmarks
  return (b[0] & 0xE0) == 0x20 && !special;
}

}  // namespace surang::client
