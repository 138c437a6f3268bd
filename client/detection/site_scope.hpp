// Which names belong together and which never leave this network: the public suffix list (libpsl),
// special-use names (RFC 6761, 6762, 8375) and addresses (RFC 6890). Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>

namespace surang::client {

/// "twimg.com" for "abs.twimg.com", "bbc.co.uk" for "www.bbc.co.uk"; the name itself when it has none
/// (an address, a public suffix, a single label).
std::string registrable_domain(std::string_view host);

/// Whether two hosts are likely one organisation's: of one registrable domain, or of the same name under two
/// public suffixes (www.shop.com, shop.de), as sites send their visitors on to the shop of their own country.
bool same_owner(std::string_view a, std::string_view b);

/// localhost, *.localhost, *.local, *.home.arpa, *.internal, reverse names and single labels.
bool is_local_name(std::string_view host);

/// Loopback, link-local, unspecified, multicast, broadcast: of no use outside this computer or link.
bool is_local_address(const boost::asio::ip::address& address);
/// RFC 1918, RFC 6598 and unique local addresses: a site of this network, or a censor's answer.
bool is_private_address(const boost::asio::ip::address& address);
/// Whether it can be a host's anywhere on the internet, whatever translates it (RFC 6052, 3056).
bool is_public_address(const boost::asio::ip::address& address);

}  // namespace surang::client
